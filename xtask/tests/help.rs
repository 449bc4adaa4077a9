//! The program as it is typed. `cargo xtask run` also builds this test beside the app: see `run.rs`.

use std::process::Command;

#[test]
fn every_command_explains_itself() {
    for line in ["--help", "run --help", "test --help", "generate --help"] {
        let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(line.split(' ')).output().unwrap();
        assert!(output.status.success(), "{line}");
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("Usage: cargo xtask "), "{line}");
    }
}

#[test]
fn what_is_not_understood_fails_with_the_usage() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("dance").output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("Usage: cargo xtask "));
}
