"""A driver of the conformance kit for Paho for Python: commands on standard input, reports on standard output."""

import itertools
import sys
import threading
from urllib.parse import quote, unquote

import paho.mqtt
import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

lock, numbers, held = threading.Lock(), itertools.count(), {}
ids, early = {}, {}  # commands by packet identifier, and reports that came before publish() returned


def say(name, **fields):
    line = " ".join([name] + [f"{key}={quote(str(value), safe='')}" for key, value in fields.items()])
    with lock:
        print(line, flush=True)


def report(name, mid, reason):
    if mid in ids:
        say(name, id=ids.pop(mid), reason=reason)
    else:
        early[mid] = (name, reason)


def expect(mid, id):
    ids[mid] = id
    if mid in early:
        report(early[mid][0], mid, early.pop(mid)[1])


def on_connect(_client, _data, flags, reason, _properties):
    if reason.is_failure:
        say("refused", reason=reason.value)
    else:
        say("connected", session_present=int(flags.session_present))


def on_message(_client, _data, message):
    number = next(numbers)
    held[number] = message
    fields = {"topic": message.topic, "payload": message.payload.decode(), "qos": message.qos}
    say("message", **fields, retain=int(message.retain), message=number)


def properties(kind, line, **names):
    result = Properties(kind)
    for name, key in names.items():
        if key in line:
            setattr(result, name, int(line[key]))
    return result if client_is_5 else None


def connect(line):
    global client, client_is_5
    if "topic_alias_maximum" in line:
        return "the library leaves aliases to the program"
    client_is_5 = line["version"] == "5.0"
    clean = line["clean"] == "1"
    more = {} if client_is_5 else {"clean_session": clean}
    protocol = mqtt.MQTTv5 if client_is_5 else mqtt.MQTTv311
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, line["client_id"], protocol=protocol,
                         manual_ack="manual" in line, **more)
    client.reconnect_delay_set(1, 1)
    client.on_connect, client.on_message = on_connect, on_message
    client.on_disconnect = lambda _c, _d, _flags, reason, _p: say("disconnected", reason=reason.value)
    client.on_publish = lambda _c, _d, mid, reason, _p: report("published", mid, reason.value)
    client.on_subscribe = lambda _c, _d, mid, reasons, _p: report("subscribed", mid, reasons[0].value)
    client.on_unsubscribe = lambda _c, _d, mid, *_more: report("unsubscribed", mid, 0)
    if "username" in line:
        client.username_pw_set(line["username"], line["password"])
    if "will_topic" in line:
        client.will_set(line["will_topic"], line["will_payload"], int(line["will_qos"]), line["will_retain"] == "1")
    kind = properties(PacketTypes.CONNECT, line, SessionExpiryInterval="session_expiry",
                      ReceiveMaximum="receive_maximum", MaximumPacketSize="maximum_packet_size")
    more = {"clean_start": clean, "properties": kind} if client_is_5 else {}
    client.connect("127.0.0.1", int(line["port"]), int(line["keep_alive"]), **more)
    client.loop_start()


def subscribe(line):
    kind = properties(PacketTypes.SUBSCRIBE, line, SubscriptionIdentifier="identifier")
    options = SubscribeOptions(int(line["qos"]), "no_local" in line) if client_is_5 else None
    code, mid = client.subscribe(line["filter"], 0 if client_is_5 else int(line["qos"]), options, kind)
    expect(mid, line["id"]) if code == 0 else fail(code)


def unsubscribe(line):
    code, mid = client.unsubscribe(line["filter"])
    expect(mid, line["id"]) if code == 0 else fail(code)


def publish(line):
    kind = properties(PacketTypes.PUBLISH, line, TopicAlias="alias")
    sent = client.publish(line["topic"], line["payload"], int(line["qos"]), line["retain"] == "1", kind)
    # Without a connection a message of QoS 1 or 2 waits for the next one.
    waits = sent.rc == mqtt.MQTT_ERR_NO_CONN and line["qos"] != "0"
    expect(sent.mid, line["id"]) if sent.rc == 0 or waits else fail(sent.rc)


def ack(line):
    message = held[int(line["message"])]
    client.ack(message.mid, message.qos)


def disconnect(line):
    reason = ReasonCode(PacketTypes.DISCONNECT, identifier=int(line.get("reason", "0")))
    client.disconnect(reason if client_is_5 else None)


def fail(code):
    raise ValueError(mqtt.error_string(code))


COMMANDS = {"connect": connect, "subscribe": subscribe, "unsubscribe": unsubscribe, "publish": publish, "ack": ack,
            "disconnect": disconnect}

say("ready", client="paho-mqtt", release=paho.mqtt.__version__)
for text in sys.stdin:
    command, *fields = text.split()
    if command not in COMMANDS:
        say("unsupported", why="an unknown command")
        continue
    try:
        why = COMMANDS[command]({key: unquote(value) for key, value in (field.split("=", 1) for field in fields)})
        say("unsupported", why=why) if why else say("ok")
    except Exception as error:
        say("error", why=f"{type(error).__name__}: {error}")
