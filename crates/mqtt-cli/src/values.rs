//! How arguments are read that are more than text.

use std::ffi::OsString;
use std::time::Duration;

use mqtt_smol::transport::TlsVersion;
use mqtt_smol::{QoS, RetainHandling, Version};

/// A header of HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Attempts in a row to connect again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    Attempts(u32),
    Forever,
}

/// Seconds that a session outlives its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expiry(pub(crate) u32);

pub(crate) fn version(text: &str) -> Result<Version, String> {
    match text {
        "3.1" | "31" | "mqttv31" => Ok(Version::V3_1),
        "3.1.1" | "311" | "4" | "mqttv311" => Ok(Version::V3_1_1),
        "5" | "5.0" | "mqttv5" => Ok(Version::V5_0),
        _ => Err("use 3.1, 3.1.1 or 5".into()),
    }
}

pub(crate) fn tls_version(text: &str) -> Result<TlsVersion, String> {
    match text {
        "1.2" | "tlsv1.2" => Ok(TlsVersion::V1_2),
        "1.3" | "tlsv1.3" => Ok(TlsVersion::V1_3),
        _ => Err("use 1.2 or 1.3".into()),
    }
}

pub(crate) fn qos(text: &str) -> Result<QoS, String> {
    text.parse().ok().and_then(QoS::from_bits).ok_or_else(|| "use 0, 1 or 2".into())
}

pub(crate) fn retain_handling(text: &str) -> Result<RetainHandling, String> {
    match text {
        "always" | "0" => Ok(RetainHandling::OnSubscribe),
        "new" | "1" => Ok(RetainHandling::OnNewSubscription),
        "never" | "2" => Ok(RetainHandling::Never),
        _ => Err("use always, new or never".into()),
    }
}

/// Seconds as a decimal number, at most a year.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    match pause(text)? {
        Duration::ZERO => Err("use more than 0 and at most a year".into()),
        time => Ok(time),
    }
}

/// Seconds as a decimal number; 0 is allowed.
pub(crate) fn pause(text: &str) -> Result<Duration, String> {
    const YEAR: f64 = 366.0 * 86_400.0;
    let seconds: f64 = text.parse().map_err(|_| "use a number of seconds")?;
    if (0.0..=YEAR).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("use more than 0 and at most a year".into())
    }
}

/// Virtual seconds of a simulation: at least ten, at most a day.
pub(crate) fn simulated(text: &str) -> Result<Duration, String> {
    let time = pause(text)?;
    let is_sensible = time >= Duration::from_secs(10) && time <= Duration::from_secs(86_400);
    if is_sensible { Ok(time) } else { Err("use 10 to 86400 seconds".into()) }
}

pub(crate) fn retry(text: &str) -> Result<Retry, String> {
    match text {
        "never" => Ok(Retry::Attempts(0)),
        "forever" => Ok(Retry::Forever),
        _ => text.parse().map(Retry::Attempts).map_err(|_| "use never, forever or a number".into()),
    }
}

pub(crate) fn expiry(text: &str) -> Result<Expiry, String> {
    match text {
        "-1" | "∞" => Ok(Expiry(u32::MAX)),
        _ => text.parse().map(Expiry).map_err(|_| "use seconds up to 4294967295, or -1 for ever".into()),
    }
}

pub(crate) fn header(text: &str) -> Result<Header, String> {
    let (name, value) = text.split_once(':').ok_or("use NAME: VALUE")?;
    Ok(Header { name: name.trim().into(), value: value.trim().into() })
}

pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("use NAME=VALUE")?;
    Ok((name.into(), value.into()))
}

pub(crate) fn percent(text: &str) -> Result<f64, String> {
    let percent = text.parse().ok().filter(|percent| (0.1..=100.0).contains(percent));
    percent.ok_or_else(|| "use a number from 0.1 to 100".into())
}

/// Messages or connections per second; 0 sets no rate.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    const MAX: f64 = 10_000_000.0;
    let rate: f64 = text.parse().map_err(|_| "use a number per second")?;
    if rate == 0.0 || (0.001..=MAX).contains(&rate) {
        Ok(rate)
    } else {
        Err(format!("use a number from 0.001 to {MAX}, more than one process can send, or 0 for no rate"))
    }
}

/// Text of at least one character; `\t` stands for a tab.
pub(crate) fn separator(text: &str) -> Result<String, String> {
    match text {
        "" => Err("use at least one character".into()),
        text => Ok(text.replace("\\t", "\t")),
    }
}

/// The bytes of an argument, whatever they are.
#[cfg(unix)]
pub(crate) fn bytes(text: OsString) -> Vec<u8> {
    use std::os::unix::ffi::OsStringExt;
    text.into_vec()
}

/// The argument in UTF-8: here arguments are Unicode.
#[cfg(not(unix))]
pub(crate) fn bytes(text: OsString) -> Vec<u8> {
    text.to_string_lossy().into_owned().into_bytes()
}
