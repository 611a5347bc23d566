//! A real browser with the page in it, and everything that it had to complain about.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result};
use headless_chrome::{
    Browser, LaunchOptions, Tab,
    protocol::cdp::{
        Emulation, Network,
        Page::{CaptureScreenshotFormatOption, Viewport},
        types::Event,
    },
};
use serde_json::Value;

pub struct Opened {
    tab: Arc<Tab>,
    heard: Arc<Mutex<Heard>>,
    /// Ends when it is dropped.
    _browser: Browser,
}

#[derive(Debug, Default, Clone)]
pub struct Heard {
    /// Errors and warnings of the console, exceptions, violations of the page's policy.
    pub complaints: Vec<String>,
    /// Every URL that was asked for.
    pub requests: Vec<String>,
}

/// Pixels: what a window on a desk shows.
pub const WINDOW: (u32, u32) = (1_300, 1_000);

impl Opened {
    pub fn new(chromium: &Path, page: &Path, window: (u32, u32)) -> Result<Self> {
        let options = LaunchOptions {
            path: Some(chromium.to_owned()),
            // Chromium refuses one to root.
            sandbox: false,
            window_size: Some(window),
            ..LaunchOptions::default()
        };
        let browser = Browser::new(options).context("start Chromium")?;
        let tab = browser.new_tab()?;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let listener = heard.clone();
        tab.add_event_listener(Arc::new(move |event: &Event| {
            if let Ok(mut heard) = listener.lock() {
                heard.note(event);
            }
        }))?;
        tab.enable_log()?.enable_runtime()?;
        tab.call_method(Network::Enable {
            max_total_buffer_size: None,
            max_resource_buffer_size: None,
            max_post_data_size: None,
            report_direct_socket_traffic: None,
            enable_durable_messages: None,
        })?;
        tab.navigate_to(&format!("file://{}", page.display()))?
            .wait_until_navigated()?;
        Ok(Self {
            tab,
            heard,
            _browser: browser,
        })
    }

    /// What an expression of JavaScript yields in the page.
    pub fn evaluate(&self, expression: &str) -> Result<Value> {
        let answer = self
            .tab
            .evaluate(&format!("JSON.stringify({expression})"), false)?;
        let text = answer.value.as_ref().and_then(Value::as_str);
        let text = text.with_context(|| format!("{expression}: {:?}", answer.description))?;
        Ok(serde_json::from_str(text)?)
    }

    /// Presses a key, with the focus on an element.
    pub fn press(&self, selector: &str, key: &str) -> Result<()> {
        self.tab.find_element(selector)?.focus()?;
        self.tab.press_key(key)?;
        Ok(())
    }

    pub fn click(&self, selector: &str) -> Result<()> {
        self.tab.find_element(selector)?.click()?;
        Ok(())
    }

    /// Chooses an option or types a text, as a user's hand does: with the event that follows.
    pub fn set(&self, selector: &str, value: &str) -> Result<()> {
        let (selector, value) = (
            serde_json::to_string(selector)?,
            serde_json::to_string(value)?,
        );
        self.evaluate(&format!(
            "(() => {{ const field = document.querySelector({selector}); field.value = {value}; \
             field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input')); return true; }})()"
        ))?;
        Ok(())
    }

    pub fn prefer_color_scheme(&self, scheme: &str) -> Result<()> {
        self.tab.call_method(Emulation::SetEmulatedMedia {
            media: None,
            features: Some(vec![Emulation::MediaFeature {
                name: "prefers-color-scheme".into(),
                value: scheme.into(),
            }]),
        })?;
        Ok(())
    }

    /// A picture, as PNG, of what of the page lies between these two elements, both included.
    pub fn picture(&self, first: &str, last: &str) -> Result<Vec<u8>> {
        const MARGIN: f64 = 12.0;
        /// More is not looked at.
        const HIGHEST: f64 = 1_000.0;
        let (first, last) = (serde_json::to_string(first)?, serde_json::to_string(last)?);
        let edges: [f64; 4] = serde_json::from_value(self.evaluate(&format!(
            "(() => {{ const [first, last] = [{first}, {last}].map((name) => document.querySelector(name).getBoundingClientRect()); \
             return [Math.min(first.left, last.left), first.top, Math.max(first.right, last.right), last.bottom]; }})()"
        ))?)?;
        let [left, top, right, bottom] = edges;
        let clip = Viewport {
            x: left - MARGIN,
            y: top - MARGIN,
            width: right - left + 2.0 * MARGIN,
            height: (bottom - top).min(HIGHEST) + 2.0 * MARGIN,
            scale: 1.0,
        };
        self.tab
            .capture_screenshot(CaptureScreenshotFormatOption::Png, None, Some(clip), true)
    }

    pub fn heard(&self) -> Heard {
        self.heard
            .lock()
            .map(|heard| heard.clone())
            .unwrap_or_default()
    }
}

impl Heard {
    fn note(&mut self, event: &Event) {
        match event {
            Event::LogEntryAdded(entry) => self.complaints.push(entry.params.entry.text.clone()),
            Event::RuntimeExceptionThrown(thrown) => {
                self.complaints
                    .push(format!("{:?}", thrown.params.exception_details));
            }
            Event::RuntimeConsoleAPICalled(call) => {
                self.complaints.push(format!("{:?}", call.params.args));
            }
            Event::NetworkRequestWillBeSent(sent) => {
                self.requests.push(sent.params.request.url.clone());
            }
            _ => {}
        }
    }
}
