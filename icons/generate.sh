#!/bin/sh
# Makes every icon file from tincan.svg. Needs rsvg-convert (Debian: librsvg2-bin) and npx (Tauri's own icon maker packs
# the .ico and the .icns). What it makes is checked in, so that building the app needs neither.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rsvg-convert --width 1024 tincan.svg --output "$work/source.png"
npx --yes @tauri-apps/cli@2 icon "$work/source.png" --output "$work/out"
for name in 32x32.png 128x128.png 128x128@2x.png icon.png icon.ico icon.icns; do
  cp "$work/out/$name" "$name"
done
