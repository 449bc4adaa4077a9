//! The system's packages: installed on Debian and its relatives, told everywhere else.

use std::path::Path;
use std::process::Command;

use super::{Purpose, Step};
use crate::Result;
use crate::process::{exists, is_root, output, run};

/// A Debian package and why it is needed.
pub(crate) type Package = (&'static str, &'static str);

/// To compile.
pub(crate) const BUILD: &[Package] = &[
    ("build-essential", "compiler and linker"),
    ("cmake", "builds the Opus codec"),
    ("nasm", "assembler: the video codec is three times slower without"),
    ("clang", "builds the bindings of cameras and PipeWire"),
    ("libclang-dev", "builds the bindings of cameras and PipeWire"),
    ("pkg-config", "finds the libraries below"),
    ("libasound2-dev", "microphone and speaker"),
    ("libpipewire-0.3-dev", "shares the screen on Wayland"),
    ("libwebkit2gtk-4.1-dev", "the window"),
    ("librsvg2-dev", "the window's pictures"),
];

/// To test with real parts on a machine without screen and sound card.
const TEST: &[Package] = &[
    ("xvfb", "a screen for the window tests"),
    ("libgl1-mesa-dri", "draws the window without a GPU"),
    ("fonts-dejavu-core", "letters in the window"),
    ("webkit2gtk-driver", "operates the window"),
    ("chromium", "a browser to call"),
    ("iproute2", "networks of their own for calls"),
    ("iptables", "the NATs and firewalls in them"),
    ("tcpdump", "looks for addresses in what they carry"),
    ("coturn", "relays calls"),
    ("dbus", "the desktop's bus, on which the window asks for things"),
    ("xdotool", "turns the mouse wheel"),
    ("pulseaudio", "microphones and speakers without a sound card"),
    ("pulseaudio-utils", "speaks into them and listens"),
    ("pipewire", "carries the screen on Wayland"),
    ("wireplumber", "connects those that PipeWire is between"),
    ("xdg-desktop-portal", "asks what to share on Wayland"),
    ("ffmpeg", "reads recordings and films, to compare them with ours"),
    ("tesseract-ocr", "reads the text of shared screens"),
];

/// To see that everything compiles for Windows.
const TEST_ALL: &[Package] = &[("g++-mingw-w64-x86-64-posix", "compiles for Windows")];

/// To compare with Chromium on the clip that is made for both, and with another program that sends files.
const BENCH: &[Package] = &[
    ("espeak-ng", "says what the microphones of a comparison hear"),
    ("python3-dev", "compiles what rates speech that was heard"),
    ("python3-venv", "holds that, and the program that sending files is compared with"),
];

/// To make packages for systems older than this one.
const PACKAGE: &[Package] = &[
    ("debootstrap", "makes the Debian 12 that packages are built against and tried in"),
    ("dpkg-dev", "finds out what libraries a package needs"),
];

/// To see that a package fits into a desktop.
const CHECK_PACKAGE: &[Package] = &[
    ("xvfb", "a screen for the window"),
    ("libgl1-mesa-dri", "draws the window without a GPU"),
    ("fonts-dejavu-core", "letters in the window"),
    ("webkit2gtk-driver", "operates the window"),
    ("ffmpeg", "photographs a window that fails"),
    ("desktop-file-utils", "reads menu entries"),
    ("xdg-utils", "opens links as a desktop does"),
];

/// What is missing of what `purpose` needs.
pub(super) fn missing(purpose: Purpose) -> Result<Option<Step>> {
    match std::env::consts::OS {
        "linux" if exists("dpkg-query") && exists("apt-get") => Ok(missing_on_debian(purpose)),
        "linux" => on_another_linux().map(|()| None),
        "macos" => on_macos().map(|()| None),
        "windows" => on_windows().map(|()| None),
        other => {
            Err(format!("Tincan is built on Linux, macOS and Windows; nobody has tried it on {other} yet"))
        }
    }
}

fn missing_on_debian(purpose: Purpose) -> Option<Step> {
    let more: &[&[Package]] = match purpose {
        Purpose::Run | Purpose::Generate => &[],
        Purpose::Package => &[PACKAGE],
        Purpose::Test => &[TEST],
        Purpose::TestAll => &[TEST, TEST_ALL],
        Purpose::Bench => &[TEST, BENCH],
        Purpose::CheckPackage => &[PACKAGE, CHECK_PACKAGE],
    };
    let wanted = BUILD.iter().chain(more.iter().copied().flatten());
    let missing: Vec<Package> = wanted.copied().filter(|(name, _)| !is_installed(name)).collect();
    if missing.is_empty() {
        return None;
    }
    let reasons: Vec<String> =
        missing.iter().map(|(name, reason)| format!("      {name}: {reason}")).collect();
    let told = format!("  - Debian packages, by apt-get:\n{}", reasons.join("\n"));
    Some(Step { told, install: Box::new(move || install_on_debian(&missing)) })
}

/// The packages without their reasons.
pub(crate) fn names(packages: &[Package]) -> Vec<&'static str> {
    packages.iter().map(|(name, _)| *name).collect()
}

fn is_installed(package: &str) -> bool {
    output(Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}\n", package]))
        .is_some_and(|status| status.lines().any(|line| line == "installed"))
}

fn install_on_debian(packages: &[Package]) -> Result<()> {
    let is_root = is_root();
    if !is_root && !exists("sudo") {
        return Err(format!(
            "installing packages takes root's rights, and there is no sudo here. As root, run:\n  \
             apt-get update && apt-get install --no-install-recommends {}",
            names(packages).join(" ")
        ));
    }
    // Through `env`, because sudo does not hand our environment on.
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if is_root { "env" } else { "sudo" });
        if !is_root {
            command.arg("env");
        }
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(arguments);
        run(&mut command)
    };
    // A list that is partly out of reach still serves the rest; the installation says if it does not.
    if let Err(message) = apt(&["update", "--quiet"]) {
        eprintln!("xtask: {message}; going on with the package lists that are here");
    }
    let mut arguments = vec!["install", "--quiet", "--yes", "--no-install-recommends"];
    arguments.extend(names(packages));
    apt(&arguments)?;
    // Debian starts the relay as a service of this machine, which nobody asked for: the tests start their own.
    if packages.iter().any(|(name, _)| *name == "coturn") && Path::new("/run/systemd/system").exists() {
        let mut command = Command::new(if is_root { "systemctl" } else { "sudo" });
        if !is_root {
            command.arg("systemctl");
        }
        return run(command.args(["disable", "--now", "coturn"]));
    }
    Ok(())
}

fn on_another_linux() -> Result<()> {
    let programs = ["cc", "cmake", "nasm", "clang", "pkg-config"];
    let libraries = ["alsa", "libpipewire-0.3", "webkit2gtk-4.1", "librsvg-2.0"];
    let has_library = |name: &str| output(Command::new("pkg-config").args(["--exists", name])).is_some();
    let missing: Vec<&str> = programs
        .into_iter()
        .filter(|program| !exists(program))
        .chain(libraries.into_iter().filter(|library| !has_library(library)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let debian = names(BUILD);
    Err(format!(
        "these are missing, and only on Debian and its relatives are they installed for you: {}.\n\
         Install the packages of your distribution that hold them, libraries with their headers. On Debian they are:\n  {}\n\
         On Fedora: dnf install gcc gcc-c++ cmake nasm clang clang-devel pkgconf alsa-lib-devel pipewire-devel webkit2gtk4.1-devel librsvg2-devel\n\
         On Arch: pacman -S base-devel cmake nasm clang pkgconf alsa-lib pipewire webkit2gtk-4.1 librsvg",
        missing.join(", "),
        debian.join(" ")
    ))
}

fn on_macos() -> Result<()> {
    let has_compiler = output(Command::new("xcode-select").arg("--print-path")).is_some();
    let assembler: &[&str] = if cfg!(target_arch = "x86_64") { &["nasm"] } else { &[] };
    let missing: Vec<&str> =
        ["cmake"].iter().chain(assembler).copied().filter(|name| !exists(name)).collect();
    let mut commands = Vec::new();
    if !has_compiler {
        commands.push("xcode-select --install".to_owned());
    }
    if !missing.is_empty() {
        commands.push(format!("brew install {}", missing.join(" ")));
    }
    tell(&commands)
}

fn on_windows() -> Result<()> {
    let wanted = [("cmake", "Kitware.CMake"), ("nasm", "NASM.NASM"), ("clang", "LLVM.LLVM")];
    let mut commands: Vec<String> = wanted
        .iter()
        .filter(|(program, _)| !exists(program))
        .map(|(_, package)| format!("winget install {package}"))
        .collect();
    if !commands.is_empty() {
        commands.push("(add their folders to the PATH, and open a new terminal)".to_owned());
    }
    tell(&commands)
}

fn tell(commands: &[String]) -> Result<()> {
    if commands.is_empty() {
        return Ok(());
    }
    Err(format!("something is missing that is not installed for you here. Run:\n  {}", commands.join("\n  ")))
}
