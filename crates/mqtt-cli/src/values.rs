//! How arguments are read that are more than text.

use std::time::Duration;

use mqtt_smol::{QoS, Version};

pub(crate) fn version(text: &str) -> Result<Version, String> {
    match text {
        "3.1" | "31" | "mqttv31" => Ok(Version::V3_1),
        "3.1.1" | "311" | "4" | "mqttv311" => Ok(Version::V3_1_1),
        "5" | "5.0" | "mqttv5" => Ok(Version::V5_0),
        _ => Err("use 3.1, 3.1.1 or 5".into()),
    }
}

pub(crate) fn qos(text: &str) -> Result<QoS, String> {
    text.parse().ok().and_then(QoS::from_bits).ok_or_else(|| "use 0, 1 or 2".into())
}

/// Seconds as a decimal number, at most a year.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "use a number of seconds")?;
    let is_sensible = seconds > 0.0 && seconds <= 366.0 * 86_400.0;
    if is_sensible {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("use more than 0 and at most a year".into())
    }
}

pub(crate) fn user(text: &str) -> Result<(String, String), String> {
    let (name, password) = text.split_once(':').ok_or("use NAME:PASSWORD")?;
    Ok((name.into(), password.into()))
}
