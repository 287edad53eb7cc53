"""The driver of the conformance kit for libmosquitto, called through ctypes: commands on standard input, reports on
standard output. The library's own thread moves the bytes."""

import ctypes
import ctypes.util
import sys
import threading
from ctypes import CFUNCTYPE, POINTER, byref, c_bool, c_char_p, c_int, c_uint8, c_uint16, c_uint32, c_void_p
from urllib.parse import quote, unquote

lib = ctypes.CDLL(ctypes.util.find_library("mosquitto") or "libmosquitto.so.1")
lib.mosquitto_new.restype = c_void_p
lib.mosquitto_new.argtypes = [c_char_p, c_bool, c_void_p]
lib.mosquitto_strerror.restype = c_char_p
lock = threading.RLock()
ids, early = {}, {}  # commands by packet identifier, and reports that came before the call returned


class Message(ctypes.Structure):
    _fields_ = [("mid", c_int), ("topic", c_char_p), ("payload", c_void_p), ("payloadlen", c_int), ("qos", c_int),
                ("retain", c_bool)]


def say(name, **fields):
    line = " ".join([name] + [f"{key}={quote(value if isinstance(value, bytes) else str(value), safe='')}"
                              for key, value in fields.items()])
    with lock:
        print(line, flush=True)


def report(name, mid, reason):
    with lock:
        if mid in ids:
            say(name, id=ids.pop(mid), reason=reason)
        else:
            early[mid] = (name, reason)


def expect(mid, id):
    with lock:
        ids[mid] = id
        if mid in early:
            name, reason = early.pop(mid)
            report(name, mid, reason)


def check(code):
    if code != 0:
        raise ValueError(lib.mosquitto_strerror(code).decode())


def on_connect(_mosq, _data, code, flags, _properties):
    say("refused", reason=code) if code else say("connected", session_present=flags & 1)


def on_disconnect(_mosq, _data, code, _properties):
    say("disconnected", reason=code)


def on_message(_mosq, _data, message, _properties):
    message = message.contents
    payload = ctypes.string_at(message.payload, message.payloadlen)
    say("message", topic=message.topic, payload=payload, qos=message.qos, retain=int(message.retain))


def on_publish(_mosq, _data, mid, reason, _properties):
    report("published", mid, reason)


def on_subscribe(_mosq, _data, mid, _count, granted, _properties):
    report("subscribed", mid, granted[0])


def on_unsubscribe(_mosq, _data, mid, _properties):
    report("unsubscribed", mid, 0)


CALLBACKS = {
    "connect": CFUNCTYPE(None, c_void_p, c_void_p, c_int, c_int, c_void_p)(on_connect),
    "disconnect": CFUNCTYPE(None, c_void_p, c_void_p, c_int, c_void_p)(on_disconnect),
    "message": CFUNCTYPE(None, c_void_p, c_void_p, POINTER(Message), c_void_p)(on_message),
    "publish": CFUNCTYPE(None, c_void_p, c_void_p, c_int, c_int, c_void_p)(on_publish),
    "subscribe": CFUNCTYPE(None, c_void_p, c_void_p, c_int, c_int, POINTER(c_int), c_void_p)(on_subscribe),
    "unsubscribe": CFUNCTYPE(None, c_void_p, c_void_p, c_int, c_void_p)(on_unsubscribe),
}


def properties(line, **kinds):
    result = c_void_p()
    for key, (identifier, kind) in kinds.items():
        if key in line:
            add = {c_uint16: lib.mosquitto_property_add_int16, c_uint32: lib.mosquitto_property_add_int32,
                   "varint": lib.mosquitto_property_add_varint}[kind]
            number = (c_uint32 if kind == "varint" else kind)(int(line[key]))
            check(add(byref(result), c_int(identifier), number))
    return result


def text(value):
    # What a C string cannot hold is no call.
    if "\0" in value:
        raise ValueError("a C string has no NUL")
    return c_char_p(value.encode())


def connect(line):
    global mosq
    if "manual" in line:
        return "the library acknowledges a message when its callback returns"
    if "topic_alias_maximum" in line:
        return "the library does not resolve aliases"
    mosq = c_void_p(lib.mosquitto_new(line["client_id"].encode() or None, line["clean"] == "1", None))
    if not mosq:
        raise ValueError("the library refuses the client identifier")
    check(lib.mosquitto_int_option(mosq, 1, 5 if line["version"] == "5.0" else 4))
    for name, callback in CALLBACKS.items():
        getattr(lib, f"mosquitto_{name}_v5_callback_set")(mosq, callback)
    lib.mosquitto_reconnect_delay_set(mosq, c_uint32(1), c_uint32(1), c_bool(False))
    if "username" in line:
        check(lib.mosquitto_username_pw_set(mosq, text(line["username"]), text(line["password"])))
    if "will_topic" in line:
        payload = line["will_payload"].encode()
        check(lib.mosquitto_will_set(mosq, text(line["will_topic"]), len(payload), payload, int(line["will_qos"]),
                                     c_bool(line["will_retain"] == "1")))
    more = properties(line, session_expiry=(17, c_uint32), receive_maximum=(33, c_uint16),
                      maximum_packet_size=(39, c_uint32))
    check(lib.mosquitto_loop_start(mosq))
    check(lib.mosquitto_connect_bind_v5(mosq, text("127.0.0.1"), int(line["port"]), int(line["keep_alive"]), None,
                                        more))


def subscribe(line):
    mid = c_int()
    more = properties(line, identifier=(11, "varint"))
    options = 4 if "no_local" in line else 0
    check(lib.mosquitto_subscribe_v5(mosq, byref(mid), text(line["filter"]), int(line["qos"]), options, more))
    expect(mid.value, line["id"])


def unsubscribe(line):
    mid = c_int()
    check(lib.mosquitto_unsubscribe_v5(mosq, byref(mid), text(line["filter"]), None))
    expect(mid.value, line["id"])


def publish(line):
    mid, payload = c_int(), line["payload"].encode()
    more = properties(line, alias=(35, c_uint16))
    check(lib.mosquitto_publish_v5(mosq, byref(mid), text(line["topic"]), len(payload), payload, int(line["qos"]),
                                   c_bool(line["retain"] == "1"), more))
    expect(mid.value, line["id"])


def disconnect(line):
    check(lib.mosquitto_disconnect_v5(mosq, int(line.get("reason", "0")), None))


COMMANDS = {"connect": connect, "subscribe": subscribe, "unsubscribe": unsubscribe, "publish": publish,
            "disconnect": disconnect}

major, minor, revision = c_int(), c_int(), c_int()
lib.mosquitto_lib_init()
lib.mosquitto_lib_version(byref(major), byref(minor), byref(revision))
say("ready", client="libmosquitto", release=f"{major.value}.{minor.value}.{revision.value}")
for command_line in sys.stdin:
    command, *fields = command_line.split()
    if command not in COMMANDS:
        say("unsupported", why="the library has no way to do it")
        continue
    try:
        why = COMMANDS[command]({key: unquote(value) for key, value in (field.split("=", 1) for field in fields)})
        say("unsupported", why=why) if why else say("ok")
    except Exception as error:
        say("error", why=f"{type(error).__name__}: {error}")
