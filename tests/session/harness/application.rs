//! What the application does.

use super::*;

impl Talk {
    pub(crate) fn submit(&mut self, command: Command<'_>) -> Result<u64, SessionRefusal> {
        let submitted = self.session.apply(self.now, Input::Submit(&command))?;
        let ticket = submitted.expect("an accepted command has a ticket");
        self.tickets.push(ticket);
        Ok(ticket.get())
    }

    pub(crate) fn connect(&mut self) -> u64 {
        self.submit(Command::Connect).expect("connect is accepted")
    }

    pub(crate) fn publish(&mut self, topic: &str, qos: QoS, payload: &str) -> u64 {
        self.try_publish(message(topic, qos, payload)).expect("the message is accepted")
    }

    pub(crate) fn try_publish(&mut self, publish: Publish<'_>) -> Result<u64, SessionRefusal> {
        self.submit(Command::Publish(publish))
    }

    /// Publishes with a timeout.
    pub(crate) fn publish_within(&mut self, qos: QoS, payload: &str, timeout: Duration) -> u64 {
        let publish = Publish { timeout: Some(timeout), ..message("a", qos, payload) };
        self.try_publish(publish).expect("the message is accepted")
    }

    /// Publishes with properties.
    pub(crate) fn publish_saying(&mut self, qos: QoS, payload: &str, properties: Properties<'_>) -> u64 {
        let publish = Publish { properties, ..message("a", qos, payload) };
        self.try_publish(publish).expect("the message is accepted")
    }

    pub(crate) fn subscribe(&mut self, filter: &str, qos: QoS) -> u64 {
        self.try_subscribe(filter, SubscribeOptions::with_qos(qos)).expect("the subscription is accepted")
    }

    pub(crate) fn try_subscribe(
        &mut self,
        filter: &str,
        options: SubscribeOptions,
    ) -> Result<u64, SessionRefusal> {
        let filter = TopicFilter::new(filter).expect("the test says a filter");
        self.submit(Command::Subscribe(Subscribe { filter, options }))
    }

    pub(crate) fn unsubscribe(&mut self, filter: &str) -> u64 {
        let filter = TopicFilter::new(filter).expect("the test says a filter");
        self.submit(Command::Unsubscribe(filter)).expect("unsubscribe is accepted")
    }

    pub(crate) fn disconnect(&mut self, drain: Duration) -> u64 {
        self.submit(Command::Disconnect(Disconnect::within(drain))).expect("disconnect is accepted")
    }

    /// Acknowledges the message that came `nth`, from 0; QoS 0 is not counted.
    pub(crate) fn acknowledge(&mut self, nth: usize) {
        self.acknowledge_with(nth, ReasonCode::Success).expect("every version has it");
    }

    /// There is no room for the message that came `nth`.
    pub(crate) fn leave(&mut self, nth: usize) {
        self.happen(Input::Leave(self.receipts[nth]));
    }

    pub(crate) fn fetch_left(&mut self) {
        self.happen(Input::FetchLeft);
    }

    /// Publishes so many bytes with QoS 1.
    pub(crate) fn submit_large(&mut self, topic: &str, size: usize) -> u64 {
        self.try_publish(Publish { payload: payload(size), ..message(topic, QoS::AtLeastOnce, "") })
            .expect("the message is accepted")
    }

    /// A session that keeps a journal, with what these records say.
    pub(crate) fn rebuilt(config: Config, records: &[Vec<u8>]) -> Result<Talk, RecordError> {
        let version = config.version;
        let session = Session::rebuild(config, 1, records)?;
        let mut talk = Talk::new(clean(version));
        talk.session.rebuild(session);
        Ok(talk)
    }

    /// The records that were made since the last time, and the mark of the last.
    pub(crate) fn take_records(&mut self) -> (Vec<Vec<u8>>, Option<Mark>) {
        let mut records = Vec::new();
        let mut last = None;
        let mut record = Vec::new();
        while let Some(mark) = self.session.poll_record(&mut record) {
            records.push(std::mem::take(&mut record));
            last = Some(mark);
        }
        (records, last)
    }

    /// The store has all that was made so far; the records.
    pub(crate) fn store(&mut self) -> Vec<Vec<u8>> {
        let (records, last) = self.take_records();
        if let Some(mark) = last {
            self.happen(Input::Stored(mark));
        }
        records
    }

    pub(crate) fn stored(&mut self, mark: Mark) {
        self.happen(Input::Stored(mark));
    }

    /// The same with a reason.
    pub(crate) fn acknowledge_with(&mut self, nth: usize, reason: ReasonCode) -> Result<(), SessionRefusal> {
        let receipt = self.receipts[nth];
        self.session.apply(self.now, Input::Acknowledge { receipt, reason }).map(|_| ())
    }

    pub(crate) fn set_credentials(&mut self, credentials: Option<Credentials>) -> Result<(), SessionRefusal> {
        self.session.apply(self.now, Input::SetCredentials(credentials)).map(|_| ())
    }

    /// Answers the last question of an authentication.
    pub(crate) fn answer(&mut self, answer: AuthAnswer) -> Result<(), SessionRefusal> {
        let step = self.step.expect("an authentication has asked");
        self.answer_step(step, answer)
    }

    pub(crate) fn answer_step(&mut self, step: AuthStep, answer: AuthAnswer) -> Result<(), SessionRefusal> {
        let result = self.session.apply(self.now, Input::Authenticate { step, answer });
        self.handle_bytes();
        result.map(|_| ())
    }

    pub(crate) fn step(&self) -> Option<AuthStep> {
        self.step
    }

    pub(crate) fn explain(&self, ticket: u64) -> Explanation {
        self.session.explain(self.ticket(ticket))
    }

    /// Messages of QoS 1 and 2 that have come so far.
    pub(crate) fn receipts(&self) -> usize {
        self.receipts.len()
    }

    pub(crate) fn set_timeout(&mut self, ticket: u64, timeout: Duration) {
        self.happen(Input::SetTimeout { ticket: self.ticket(ticket), timeout });
    }

    pub(crate) fn withdraw(&mut self, ticket: u64) -> Result<(), SessionRefusal> {
        self.session.apply(self.now, Input::Withdraw(self.ticket(ticket))).map(|_| ())
    }

    pub(crate) fn retry(&mut self, ticket: u64) -> bool {
        self.session.apply(self.now, Input::Retry(self.ticket(ticket))).is_ok()
    }

    pub(crate) fn give_up(&mut self, ticket: u64) -> bool {
        self.session.apply(self.now, Input::GiveUp(self.ticket(ticket))).is_ok()
    }
}
