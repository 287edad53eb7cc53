//! `mqtt store`: shows what a store holds, for each of its clients; of a damaged one, what can be read.

use std::fs;
use std::io::{Write, stdout};

use mqtt_smol::StoreErrorKind;
use mqtt_store::{ClientReport, inspect, salvage};
use mqtt_store_redb::RedbStore;

use crate::args::StoreArgs;
use crate::failure::Failure;

pub(crate) fn run(args: &StoreArgs) -> Result<(), Failure> {
    match RedbStore::open_existing(&args.file).and_then(|mut store| inspect(&mut store)) {
        Ok(reports) => print(&reports, args.verbose),
        Err(error) if matches!(error.kind(), StoreErrorKind::Damaged | StoreErrorKind::Foreign) => {
            // A file whose beginning is damaged looks like one of another kind.
            let reports = salvage(&fs::read(&args.file).unwrap_or_default());
            if reports.is_empty() {
                return Err(error.into());
            }
            print(&reports, args.verbose)?;
            let messages: usize = reports.iter().map(|report| report.messages.len()).sum();
            let what =
                format!("{error}\nmqtt: {messages} messages can be read; some of them may have arrived");
            Err(Failure::new(Failure::OTHER, what))
        }
        Err(error) => Err(error.into()),
    }
}

fn print(reports: &[ClientReport], is_verbose: bool) -> Result<(), Failure> {
    let mut out = stdout().lock();
    for ClientReport { client, messages, filters, taken, notes, unreadable, .. } in reports {
        let sent = messages.iter().filter(|message| message.was_sent).count();
        writeln!(
            out,
            "{client}: {} messages to be sent, {sent} of them perhaps sent before; {} filters; {taken} QoS 2 messages \
             taken; {} values",
            messages.len(),
            filters.len(),
            notes.len()
        )?;
        if *unreadable > 0 {
            writeln!(out, "  {unreadable} records cannot be read")?;
        }
        if is_verbose {
            filters.iter().try_for_each(|filter| writeln!(out, "  filter {filter}"))?;
            for message in messages {
                let (topic, payload) = (message.topic.escape_debug(), message.payload.escape_ascii());
                writeln!(out, "  {topic} {payload}")?;
            }
        }
    }
    Ok(())
}
