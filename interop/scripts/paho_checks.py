"""Paho for Python against the broker at a port of the loopback interface.

Arguments: the port, and the version of the protocol (3.1, 3.1.1 or 5.0). For each check one line is printed, `ok NAME`
or `failed NAME: WHY`, and `end` after the last one. Nothing is waited for but events, each for a bounded time.
"""

import queue
import socket
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

PORT = int(sys.argv[1])
VERSION = sys.argv[2]
PROTOCOL = {"3.1": mqtt.MQTTv31, "3.1.1": mqtt.MQTTv311, "5.0": mqtt.MQTTv5}[VERSION]
IS_5 = VERSION == "5.0"
PATIENCE_SECS = 10
MESSAGES = 300


class Peer:
    """A client that is online, and the messages that it got."""

    def __init__(self, name, clean=True, will=None, will_properties=None, expiry_secs=0):
        more = {} if IS_5 else {"clean_session": clean}
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=PROTOCOL, **more)
        self.client.max_queued_messages_set(0)
        self.messages = queue.Queue()
        self.connected = queue.Queue()
        self.granted = queue.Queue()
        self.unsubscribed = threading.Event()
        self.disconnected = threading.Event()
        self.client.on_message = lambda _client, _data, message: self.messages.put(message)
        self.client.on_connect = lambda _client, _data, flags, reason, properties: self.connected.put(
            (flags, reason, properties)
        )
        self.client.on_subscribe = lambda _client, _data, _id, reasons, _properties: self.granted.put(reasons)
        self.client.on_unsubscribe = lambda *_arguments: self.unsubscribed.set()
        self.client.on_disconnect = lambda *_arguments: self.disconnected.set()
        if will:
            self.client.will_set(will[0], will[1], qos=1, properties=will_properties)
        if IS_5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = expiry_secs
            self.client.connect("127.0.0.1", PORT, clean_start=clean, properties=properties)
        else:
            self.client.connect("127.0.0.1", PORT)
        self.client.loop_start()
        self.flags, reason, self.properties = self.connected.get(timeout=PATIENCE_SECS)
        assert not reason.is_failure, f"not connected: {reason}"

    def subscribe(self, topic, qos, properties=None, **options):
        if options:
            self.client.subscribe(topic, options=SubscribeOptions(qos=qos, **options), properties=properties)
        else:
            self.client.subscribe(topic, qos, properties=properties)
        reasons = self.granted.get(timeout=PATIENCE_SECS)
        assert [reason.value for reason in reasons] == [qos], f"granted {reasons} for QoS {qos}"

    def publish(self, topic, payload, qos, retain=False, properties=None):
        info = self.client.publish(topic, payload, qos, retain, properties)
        info.wait_for_publish(PATIENCE_SECS)
        assert info.is_published(), f"{topic} is not acknowledged"

    def publish_numbers(self, topic, qos):
        infos = [self.client.publish(topic, str(number), qos) for number in range(MESSAGES)]
        for number, info in enumerate(infos):
            info.wait_for_publish(PATIENCE_SECS)
            assert info.is_published(), f"message {number} is not acknowledged"

    def next(self):
        return self.messages.get(timeout=PATIENCE_SECS)

    def expect(self, payload):
        message = self.next()
        assert message.payload == payload.encode(), f"{message.payload[:40]} came where {payload} was due"
        return message

    def expect_numbers(self, qos):
        for number in range(MESSAGES):
            message = self.expect(str(number))
            assert message.qos == qos, f"message {number} came with QoS {message.qos}"

    def leave(self):
        self.client.disconnect()
        assert self.disconnected.wait(PATIENCE_SECS), "not disconnected"
        self.client.loop_stop()

    def cut(self):
        """Closes the connection without a packet, and for good."""
        self.client.on_disconnect = None
        sock = self.client.socket()
        self.client.loop_stop()
        sock.shutdown(socket.SHUT_RDWR)


def each_qos(qos):
    reader, writer = Peer("reader"), Peer("writer")
    reader.subscribe("each/+", qos)
    writer.publish_numbers("each/way", qos)
    reader.expect_numbers(qos)
    writer.publish("each/end", "end", qos)
    reader.expect("end")
    reader.leave()
    writer.leave()


def retained():
    writer = Peer("writer")
    writer.publish("retained/a", "kept", 1, retain=True)
    reader = Peer("reader")
    reader.subscribe("retained/+", 1)
    assert reader.expect("kept").retain, "it is not marked as a kept one"
    reader.leave()
    writer.publish("retained/a", "", 1, retain=True)
    reader = Peer("reader")
    reader.subscribe("retained/+", 1)
    writer.publish("retained/b", "live", 1)
    assert not reader.expect("live").retain, "it is marked as a kept one"
    reader.leave()
    writer.leave()


def will():
    watcher = Peer("watcher")
    watcher.subscribe("will/+", 1)
    Peer("polite", will=("will/never", "it should not come")).leave()
    Peer("mortal", will=("will/gone", "it was cut")).cut()
    watcher.expect("it was cut")
    watcher.leave()


def large():
    payload = bytes(index % 251 for index in range(900_000))
    peer = Peer("large")
    peer.subscribe("large", 2)
    for qos in range(3):
        peer.publish("large", payload, qos)
        assert peer.next().payload == payload, f"QoS {qos}: not the bytes that were sent"
    peer.leave()


def unsubscribe():
    peer = Peer("peer")
    peer.subscribe("unsubscribe/a", 1)
    peer.subscribe("unsubscribe/b", 1)
    peer.client.unsubscribe("unsubscribe/a")
    assert peer.unsubscribed.wait(PATIENCE_SECS), "not answered"
    peer.publish("unsubscribe/a", "after", 1)
    peer.publish("unsubscribe/b", "end", 1)
    peer.expect("end")
    peer.leave()


def kept_session():
    for qos in (1, 2):
        Peer("kept", clean=True).leave()
        reader = Peer("kept", clean=False, expiry_secs=100)
        reader.subscribe("kept/+", qos)
        reader.leave()
        writer = Peer("writer")
        writer.publish_numbers("kept/a", qos)
        reader = Peer("kept", clean=False, expiry_secs=100)
        assert reader.flags.session_present or VERSION == "3.1", "the session is not present"
        reader.expect_numbers(qos)
        reader.leave()
        writer.leave()


SAID = {
    "ContentType": "text/plain",
    "ResponseTopic": "answers/7",
    "CorrelationData": b"\x00\x07\xff",
    "PayloadFormatIndicator": 1,
    "UserProperty": [("same", "first"), ("same", "second")],
}


def expect_said(message):
    for name, value in SAID.items():
        came = getattr(message.properties, name, None)
        assert came == value, f"{name} came as {came}"


def said(kind):
    properties = Properties(kind)
    for name, value in SAID.items():
        setattr(properties, name, value)
    return properties


def properties_5():
    peer = Peer("peer")
    peer.subscribe("properties", 1)
    with_expiry = said(PacketTypes.PUBLISH)
    with_expiry.MessageExpiryInterval = 100
    peer.publish("properties", "x", 1, properties=with_expiry)
    message = peer.expect("x")
    expect_said(message)
    left = message.properties.MessageExpiryInterval
    assert 0 < left <= 100, f"{left} s are left of 100"
    Peer("mortal", will=("properties", "cut"), will_properties=said(PacketTypes.WILLMESSAGE)).cut()
    expect_said(peer.expect("cut"))
    peer.leave()


def aliases_5():
    peer = Peer("peer")
    assert peer.properties.TopicAliasMaximum > 0, "the server takes no aliases"
    peer.subscribe("aliases/#", 1)
    for topic in ("aliases/long", "", ""):
        alias = Properties(PacketTypes.PUBLISH)
        alias.TopicAlias = 1
        peer.publish(topic, "x", 1, properties=alias)
        assert peer.expect("x").topic == "aliases/long"
    peer.leave()


def subscriptions_5():
    peer, other = Peer("peer"), Peer("other")
    identified = Properties(PacketTypes.SUBSCRIBE)
    identified.SubscriptionIdentifier = 7
    peer.subscribe("options", 1, properties=identified, noLocal=True, retainAsPublished=True)
    peer.publish("options", "mine", 1)
    other.publish("options", "another's", 1, retain=True)
    message = peer.expect("another's")
    assert message.retain, "RETAIN did not come as it was published"
    assert message.properties.SubscriptionIdentifier == [7], "no identifier"
    other.subscribe("options", 1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
    other.publish("options", "", 1, retain=True)
    other.expect("")
    peer.leave()
    other.leave()


def shared_5():
    readers = [Peer("one"), Peer("two")]
    numbers = queue.Queue()
    for reader in readers:
        reader.client.on_message = lambda _client, _data, message: numbers.put(int(message.payload))
        reader.subscribe("$share/group/shared", 1)
    writer = Peer("writer")
    writer.publish_numbers("shared", 1)
    came = sorted(numbers.get(timeout=PATIENCE_SECS) for _ in range(MESSAGES))
    assert came == list(range(MESSAGES)), "not each message once"
    for peer in [*readers, writer]:
        peer.leave()


CHECKS = [
    ("QoS 0", lambda: each_qos(0)),
    ("QoS 1", lambda: each_qos(1)),
    ("QoS 2", lambda: each_qos(2)),
    ("retained", retained),
    ("will", will),
    ("large", large),
    ("unsubscribe", unsubscribe),
    ("kept session", kept_session),
]
CHECKS_5 = [
    ("properties", properties_5),
    ("topic aliases", aliases_5),
    ("options of subscriptions", subscriptions_5),
    ("shared subscription", shared_5),
]

for name, check in CHECKS + (CHECKS_5 if IS_5 else []):
    try:
        check()
        print("ok", name, flush=True)
    except Exception as error:  # Whatever it is, it is this check's failure.
        why = f"{type(error).__name__}: {error}".replace("\n", " ")
        print(f"failed {name}: {why}", flush=True)
print("end", flush=True)
