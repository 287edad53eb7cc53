//! From arguments to the configuration of the broker.

use mqtt_smol::broker::Config;

use crate::args::BrokerArgs;
use crate::failure::Failure;

pub(crate) fn config(args: &BrokerArgs) -> Result<Config, Failure> {
    let mut config = Config::default();
    config.users = args.access.all_users()?;
    config.rules = args.access.all_rules()?;
    config.allows_anonymous = args.access.allow_anonymous;
    set_limits(args, &mut config);
    config.sys_interval = args.sys_interval;
    config.events_max = if args.quiet { 0 } else { EVENTS_MAX };
    Ok(config)
}

fn set_limits(args: &BrokerArgs, config: &mut Config) {
    let limits = &args.limits;
    set(&mut config.connections_max, limits.max_connections);
    set(&mut config.packet_size_max, limits.max_packet);
    set(&mut config.qos_max, limits.max_qos);
    set(&mut config.receive_max, limits.receive_maximum);
    set(&mut config.inflight_max, limits.max_inflight);
    set(&mut config.queue_messages_max, limits.max_queued);
    set(&mut config.retained_max, limits.max_retained);
    set(&mut config.session_expiry_secs_max, limits.session_expiry_max);
    set(&mut config.session_expiry_v3_secs, limits.session_expiry_max);
    set(&mut config.topic_alias_max, limits.topic_alias_maximum);
    config.server_keep_alive_secs = limits.server_keep_alive;
    config.retain_available = !limits.no_retain;
    config.wildcard_available = !limits.no_wildcards;
    config.shared_available = !limits.no_shared;
}

fn set<T>(setting: &mut T, chosen: Option<T>) {
    if let Some(chosen) = chosen {
        *setting = chosen;
    }
}

/// Events that may wait to be written.
const EVENTS_MAX: usize = 10_000;
