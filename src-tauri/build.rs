//! Declares the commands, so that each needs a permission in `capabilities/`.

fn main() {
    let commands = tauri_build::AppManifest::new().commands(&[
        "dispatch",
        "subscribe",
        "frame_socket",
        "draws_pictures",
        "lay_out_pictures",
        "take_link",
        "set_title",
        "close_window",
        "open_address",
        "give_words",
        "choose_files",
        "paste_picture",
        "paste_clipboard",
        "discard_files",
        "offer_files",
        "accept_files_as",
        "reveal_files",
        "reveal_recording",
        "save_chat",
        "save_report",
    ]);
    tauri_build::try_build(tauri_build::Attributes::new().app_manifest(commands))
        .expect("tauri.conf.json and the capabilities belong to this source tree");
}
