//! The desktop window on a screen without a monitor, operated by WebDriver as a person would.

use std::path::Path;
use std::time::Duration;

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::error::CmdError;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tincan_media::video::{Rect, Resolution, Stamp, letterbox};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::{Instant, interval, timeout};

use crate::process::{self, PATIENCE, Process, binary, programs};
pub use crate::screen::Screen;
use crate::screen::{self, Screenshot, photograph};
use crate::server::reachable;

/// How often a page is asked again for what is awaited: a tenth of what a person notices.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// One running app: a process of its own with a window.
pub struct Window {
    client: Client,
    display: String,
    scale: u32,
    driver: Process,
}

impl Window {
    /// Opens the app with these arguments; its settings are kept in `data`.
    ///
    /// # Panics
    /// When the window does not come up.
    pub async fn open(screen: &Screen, data: &Path, arguments: &[&str]) -> Self {
        let folder = data.to_string_lossy();
        let arguments: Vec<&str> = ["--data-dir", &folder].iter().chain(arguments).copied().collect();
        Self::open_program(screen, data, &binary("tincan-app"), &arguments).await
    }

    /// Opens a program with exactly these arguments, for a person whose home is `home`.
    ///
    /// # Panics
    /// When the window does not come up.
    pub async fn open_program(
        screen: &Screen,
        home: &Path,
        program: &Path,
        arguments: &[impl AsRef<str>],
    ) -> Self {
        std::fs::create_dir_all(home).expect("the test's folder can be written");
        let port = free_port().await;
        let mut command = Command::new("WebKitWebDriver");
        command
            .args(["--host=127.0.0.1", &format!("--port={port}")])
            // The driver hands these on to the app that it starts: only then does Tauri let the webview be operated.
            .envs([("TAURI_AUTOMATION", "true"), ("TAURI_WEBVIEW_AUTOMATION", "true")])
            .env("DISPLAY", &screen.display)
            .env("GDK_SCALE", screen.scale.to_string())
            // Without a session bus the webview waits half a minute for its accessibility bridge.
            .env("NO_AT_BRIDGE", "1")
            .env("XDG_RUNTIME_DIR", home)
            .env("HOME", home);
        match &screen.bus {
            Some(address) => command.env("DBUS_SESSION_BUS_ADDRESS", address),
            // Not this machine's own.
            None => command.env_remove("DBUS_SESSION_BUS_ADDRESS"),
        };
        let driver = Process::start("WebKitWebDriver", command);
        reachable(port).await;
        let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
        let mut wanted = Capabilities::new();
        wanted.insert("webkitgtk:browserOptions".into(), json!({ "binary": program, "args": arguments }));
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("the window opens");
        Self { client, display: screen.display.clone(), scale: screen.scale, driver }
    }

    /// The process that started the app.
    pub fn driver(&self) -> u32 {
        self.driver.id()
    }

    /// Ends the app as the system does when the person logs out.
    ///
    /// # Panics
    /// When it does not run.
    #[cfg(target_os = "linux")]
    pub fn log_out(&self) {
        // What a driver starts is in its group.
        let app = process::of_group(self.driver.id(), "tincan-app").expect("the app runs");
        process::signal(app, "TERM");
    }

    /// Closes it as the window's own button does.
    ///
    /// # Panics
    /// When it does not close.
    pub async fn close(self) {
        self.client.close().await.expect("the window closes");
    }

    /// Presses what has this `data-testid`, once it is there and can be pressed.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn press(&self, id: &str) {
        self.until(&format!("`{id}` to press"), async || {
            // The controls hide from a mouse that rests.
            self.move_mouse().await;
            let element = self.client.find(Locator::Css(&selector(id))).await.ok()?;
            element.click().await.ok()
        })
        .await;
    }

    async fn move_mouse(&self) {
        let moved = "for (const x of [300, 310]) document.elementFromPoint(x, 300)?.dispatchEvent(
            new PointerEvent('pointermove', { bubbles: true, clientX: x, clientY: 300 }))";
        // A page that is just being replaced has nothing that could hide.
        let _ = self.client.execute(moved, vec![]).await;
    }

    /// Types into the field with this `data-testid`.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn write(&self, id: &str, text: &str) {
        self.until(&format!("`{id}` to write in"), async || {
            let field = self.client.find(Locator::Css(&selector(id))).await.ok()?;
            field.send_keys(text).await.ok()
        })
        .await;
    }

    /// Types a room's code and goes through the lobby.
    pub async fn join(&self, code: &str) {
        self.write("code-field", code).await;
        self.press("join").await;
        self.press("lobby-join").await;
    }

    /// What the element with this `data-testid` says, once it is there.
    pub async fn text(&self, id: &str) -> String {
        self.until(&format!("`{id}`"), async || {
            let element = self.client.find(Locator::Css(&selector(id))).await.ok()?;
            // Not the driver's idea of visible text, which loses names that are cut to their tile.
            let text = element.prop("textContent").await.ok()??;
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        })
        .await
    }

    /// Waits until the element is shown.
    pub async fn shows(&self, id: &str) {
        self.until(&format!("`{id}` to be shown"), async || {
            let element = self.client.find(Locator::Css(&selector(id))).await.ok()?;
            element.is_displayed().await.ok()?.then_some(())
        })
        .await;
    }

    /// Waits until the element is not shown.
    pub async fn hides(&self, id: &str) {
        self.until(&format!("`{id}` to go"), async || {
            match self.client.find(Locator::Css(&selector(id))).await {
                Ok(element) => (!element.is_displayed().await.ok()?).then_some(()),
                Err(error) => error.is_no_such_element().then_some(()),
            }
        })
        .await;
    }

    /// Waits until an attribute of the element has this value.
    pub async fn has(&self, id: &str, attribute: &str, value: &str) {
        self.until(&format!("`{id}` with {attribute}={value}"), async || {
            let element = self.client.find(Locator::Css(&selector(id))).await.ok()?;
            let now = element.attr(attribute).await.ok()??;
            (now == value).then_some(())
        })
        .await;
    }

    /// Waits until the field holds this text.
    pub async fn until_value(&self, id: &str, value: &str) {
        self.until(&format!("`{id}` holding {value}"), async || {
            let field = self.client.find(Locator::Css(&selector(id))).await.ok()?;
            let now = field.prop("value").await.ok()??;
            (now == value).then_some(())
        })
        .await;
    }

    /// Presses a key outside any field.
    ///
    /// # Panics
    /// When the window is gone.
    pub async fn key(&self, key: &str) {
        let body = self.client.find(Locator::Css("body")).await.expect("a page has a body");
        body.send_keys(key).await.expect("the page takes keys");
    }

    /// Presses a key where the focus is, and lets it go.
    ///
    /// # Panics
    /// When the window is gone.
    pub async fn type_key(&self, key: &str) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in key.chars() {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.expect("the page takes keys");
    }

    /// Presses one key while another is held.
    ///
    /// # Panics
    /// When the window is gone.
    pub async fn chord(&self, held: char, key: char) {
        let actions = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value: held })
            .then(KeyAction::Down { value: key })
            .then(KeyAction::Up { value: key })
            .then(KeyAction::Up { value: held });
        self.client.perform_actions(actions).await.expect("the page takes keys");
    }

    /// Presses a key where the focus is, and keeps it down.
    ///
    /// # Panics
    /// When the window is gone.
    pub async fn hold(&self, key: char) {
        let actions = KeyActions::new("keyboard".to_owned()).then(KeyAction::Down { value: key });
        self.client.perform_actions(actions).await.expect("the page takes keys");
    }

    /// Lets go of a key that is held.
    ///
    /// # Panics
    /// When the window is gone.
    pub async fn let_go(&self, key: char) {
        let actions = KeyActions::new("keyboard".to_owned()).then(KeyAction::Up { value: key });
        self.client.perform_actions(actions).await.expect("the page takes keys");
    }

    /// Gives the focus to what has this `data-testid`.
    pub async fn focus(&self, id: &str) {
        self.shows(id).await;
        self.run(&format!("document.querySelector(\"{}\").focus()", selector(id))).await;
    }

    /// Waits until this expression of the page has this value.
    pub async fn until_run(&self, expression: &str, value: u64) {
        self.until(&format!("{value} for `{expression}`"), async || {
            let now = self.client.execute(&format!("return {expression}"), vec![]).await.ok()?;
            (now.as_u64() == Some(value)).then_some(())
        })
        .await;
    }

    /// Runs a script in the page. It may return text and numbers: the driver hangs on arrays where prototypes are frozen.
    ///
    /// # Panics
    /// When it throws.
    pub async fn run(&self, script: &str) -> Value {
        let answer = match self.client.execute(script, vec![]).await {
            // The driver hangs up on connections that rested, now and then just before it is asked.
            Err(CmdError::Failed(_) | CmdError::FailedC(_) | CmdError::Lost(_)) => {
                self.client.execute(script, vec![]).await
            }
            answer => answer,
        };
        answer.expect("the script runs")
    }

    /// Waits until a script in the page returns a number that is `wanted`.
    pub async fn until_number(&self, what: &str, script: &str, wanted: impl Fn(f64) -> bool) {
        self.until(what, async || {
            self.run(script).await.as_f64().filter(|number| wanted(*number)).map(|_| ())
        })
        .await;
    }

    /// Waits until so many elements have this `data-testid`.
    pub async fn counts(&self, id: &str, count: u64) {
        let selector = selector(id);
        self.until_run(&format!("document.querySelectorAll(\"{selector}\").length"), count).await;
    }

    /// The stamp in the drawn pixels of the picture inside the element, once one can be read.
    pub async fn stamp(&self, id: &str) -> Stamp {
        self.until(&format!("a stamp in `{id}`"), async || self.read_stamp(id).await).await
    }

    /// Waits until the drawn counter is a later one than `before`.
    pub async fn later_stamp(&self, id: &str, before: Stamp) -> Stamp {
        self.until(&format!("a moving picture in `{id}`"), async || {
            self.read_stamp(id).await.filter(|now| now.counter != before.counter)
        })
        .await
    }

    /// Waits until the middle of the element shows something, and then something else: a person moves, a wall does not.
    pub async fn moving_picture(&self, id: &str) {
        let middle = async || {
            let screenshot = self.photograph_of(id).await?;
            let (width, height) = (screenshot.size.width as usize, screenshot.size.height as usize);
            let rows = screenshot.rgba.chunks_exact(width * 4).skip(height / 4).take(height / 2);
            let pixels: Vec<u8> = rows.flat_map(|row| &row[width / 4 * 4..width / 4 * 12]).copied().collect();
            let (darkest, brightest) =
                (pixels.iter().min()?, pixels.iter().filter(|value| **value < 255).max()?);
            (brightest - darkest > 60).then_some(pixels)
        };
        let first = self.until(&format!("a picture in `{id}`"), &middle).await;
        self.until(&format!("a moving picture in `{id}`"), async || {
            middle().await.filter(|now| *now != first)
        })
        .await;
    }

    async fn read_stamp(&self, id: &str) -> Option<Stamp> {
        let element = self.client.find(Locator::Css(&selector(id))).await.ok()?;
        // Pictures of persons fill their place and lose their edges by that, where the stamp is: here they are shown whole,
        // and nothing is told on top of them.
        let whole = "for (const one of document.querySelectorAll('canvas'))
                one.style.cssText = 'inset: 0; width: 100%; height: 100%';
            for (const one of document.querySelectorAll('.toasts, .guide')) one.style.visibility = 'hidden'";
        self.client.execute(whole, vec![]).await.ok()?;
        // The canvas has the picture's size and lies letterboxed in its element: asked, not guessed from the pixels,
        // over which a speaking ring and the controls are drawn.
        let size = async |name| element.attr(name).await.ok()??.parse::<u32>().ok();
        let mut stamp = None;
        // Whoever draws it hears of its new place first, and shows the next picture there.
        for _ in 0..5 {
            let size = Resolution::new(size("width").await?, size("height").await?);
            let screenshot = self.photograph_of(id).await?;
            let rect = letterbox(size, Rect::of(screenshot.size));
            stamp = Stamp::read_rgba(&screenshot.rgba, screenshot.size.width as usize, rect);
            if stamp.is_some() {
                break;
            }
        }
        let filling = "for (const one of document.querySelectorAll('canvas')) one.removeAttribute('style');
            for (const one of document.querySelectorAll('.toasts, .guide')) one.style.visibility = ''";
        self.client.execute(filling, vec![]).await.ok()?;
        stamp
    }

    /// Where the element is on the screen: x, y, width, height, in its pixels.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn place_of(&self, id: &str) -> [u32; 4] {
        self.until(&format!("a place of `{id}`"), async || self.find_place(id).await).await
    }

    async fn find_place(&self, id: &str) -> Option<[u32; 4]> {
        let place = format!(
            "const {{ x, y, width, height }} = document.querySelector(\"{}\").getBoundingClientRect();
             return [x, y, width, height].map((side) => Math.round(side * {})).join(' ')",
            selector(id),
            self.scale
        );
        let place = self.client.execute(&place, vec![]).await.ok()?;
        let numbers: Vec<u32> = place.as_str()?.split(' ').filter_map(|part| part.parse().ok()).collect();
        <[u32; 4]>::try_from(numbers).ok().filter(|[_, _, width, height]| *width > 0 && *height > 0)
    }

    /// What the screen shows where the element is: not the driver's picture, which knows only what the page draws.
    async fn photograph_of(&self, id: &str) -> Option<Screenshot> {
        let [x, y, width, height] = self.find_place(id).await?;
        let all = self.look().await?;
        all.part(x as usize, y as usize, width as usize, height as usize)
    }

    /// What the screen shows.
    pub async fn look(&self) -> Option<Screenshot> {
        screen::look(&self.display).await
    }

    /// Presses the mouse's button over this place of the screen, as a hand does.
    ///
    /// # Panics
    /// When there is no mouse.
    pub async fn click_at(&self, x: u32, y: u32) {
        let (x, y) = (x.to_string(), y.to_string());
        let mut command = Command::new("xdotool");
        command.args(["mousemove", &x, &y, "click", "1"]).env("DISPLAY", &self.display);
        let clicked = command.status().await.is_ok_and(|status| status.success());
        assert!(clicked, "xdotool presses no button");
    }

    /// Makes the window of another size.
    ///
    /// # Panics
    /// When there is no window.
    pub async fn resize(&self, width: u32, height: u32) {
        let (width_text, height_text) = (width.to_string(), height.to_string());
        let mut command = Command::new("xdotool");
        command.args([
            "search",
            "--onlyvisible",
            "--name",
            "Tincan",
            "windowsize",
            &width_text,
            &height_text,
        ]);
        let resized =
            command.env("DISPLAY", &self.display).status().await.is_ok_and(|status| status.success());
        assert!(resized, "xdotool finds no window");
        self.until_run("innerWidth", u64::from(width)).await;
        self.until_run("innerHeight", u64::from(height)).await;
    }

    /// Returns when nothing on the page moves any more: no fading menu, no sliding tile.
    pub async fn settled(&self) {
        self.until("a page that rests", async || {
            let moving = "return document.getAnimations().filter((one) => one.playState === 'running' &&
                one.effect.getTiming().iterations !== Infinity).length";
            (self.client.execute(moving, vec![]).await.ok()? == json!(0)).then_some(())
        })
        .await;
    }

    /// Looks at the screen again until `ask` has an answer.
    pub async fn until_seen<T>(&self, what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
        self.until(what, ask).await
    }

    /// Asks again until there is an answer.
    async fn until<T>(&self, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        let began = Instant::now();
        let mut pause = interval(ASK_AGAIN);
        let answer = timeout(PATIENCE, async {
            loop {
                pause.tick().await;
                if let Some(answer) = ask().await {
                    return answer;
                }
            }
        });
        match answer.await {
            Ok(answer) => answer,
            Err(_) => {
                let page = self.client.find(Locator::Css("body")).await;
                let says = match page {
                    Ok(body) => body.text().await.unwrap_or_default(),
                    Err(error) => error.to_string(),
                };
                let shown = self.keep_screenshot(what).await;
                panic!("no {what} after {:?}; {shown}; the window says:\n{says}", began.elapsed());
            }
        }
    }

    /// Keeps what the window shows for whoever looks why a test failed.
    async fn keep_screenshot(&self, what: &str) -> String {
        let name: String = what.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let folder = programs().join("failed-windows");
        let path = folder.join(format!("{}-{name}.png", std::process::id()));
        let kept = std::fs::create_dir_all(&folder).is_ok() && photograph(&self.display, &path).await;
        if kept { format!("see {}", path.display()) } else { "it could not be drawn".to_owned() }
    }
}

/// Starts a call; its code.
pub async fn new_call(window: &Window) -> String {
    window.press("new-call").await;
    window.press("lobby-join").await;
    window.text("room-code").await
}

/// One starts a call, the other types its code; both see each other's tile at the end.
pub async fn call(a: &Window, b: &Window) {
    b.join(&new_call(a).await).await;
    a.shows("remote-tile").await;
    b.shows("remote-tile").await;
}

/// What has this `data-testid`; in brackets it is a selector already.
fn selector(id: &str) -> String {
    if id.starts_with('[') { id.to_owned() } else { format!("[data-testid='{id}']") }
}

/// Where the picture of one of several is drawn.
pub fn picture_of(name: &str) -> String {
    format!("[aria-label='Picture of {name}']")
}

async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    listener.local_addr().expect("it is bound").port()
}
