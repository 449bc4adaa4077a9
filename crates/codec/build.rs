//! Refuses to build a video codec that would be three times slower than it could be.
//!
//! On x86 OpenH264's own build falls back to plain C++ without a word when the assembler is missing: 11 ms instead of
//! 4 for a picture of 720p.

use std::process::{Command, Stdio};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PATH");
    println!("cargo::rerun-if-env-changed=OPENH264_NO_ASM");
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    if !matches!(arch.as_str(), "x86" | "x86_64") {
        return;
    }
    if std::env::var_os("OPENH264_NO_ASM").is_some() {
        println!(
            "cargo::error=OPENH264_NO_ASM is set, which makes video three times slower. Unset it and build again."
        );
        return;
    }
    let nasm = Command::new("nasm").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !nasm.is_ok_and(|status| status.success()) {
        println!(
            "cargo::error=nasm was not found, and without it video is three times slower. Install it (Debian and \
             Ubuntu: apt install nasm; Fedora: dnf install nasm; macOS: brew install nasm; Windows: winget install \
             NASM.NASM, then add it to PATH), run `cargo clean -p openh264-sys2`, and build again."
        );
    }
}
