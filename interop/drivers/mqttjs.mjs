// The driver of the conformance kit for MQTT.js: commands on standard input, reports on standard output.

import { createInterface } from 'node:readline'
import { readFileSync } from 'node:fs'
import mqtt from 'mqtt'

const own = readFileSync(new URL('node_modules/mqtt/package.json', import.meta.url))
let client

function say(name, fields = {}) {
  const words = Object.entries(fields).map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
  process.stdout.write([name, ...words].join(' ') + '\n')
}

// A number that is given, as a property.
function put(properties, name, value) {
  if (value !== undefined) properties[name] = Number(value)
}

function failed(id, error) {
  say('failed', { id, why: error.message, ...(typeof error.code === 'number' && { reason: error.code }) })
}

const commands = {
  connect(line) {
    if (line.manual) return 'messages are acknowledged one after the other, when a callback returns'
    const properties = {}
    put(properties, 'sessionExpiryInterval', line.session_expiry)
    put(properties, 'receiveMaximum', line.receive_maximum)
    put(properties, 'maximumPacketSize', line.maximum_packet_size)
    put(properties, 'topicAliasMaximum', line.topic_alias_maximum)
    const will = line.will_topic && {
      topic: line.will_topic, payload: line.will_payload, qos: Number(line.will_qos), retain: line.will_retain === '1'
    }
    client = mqtt.connect({
      host: '127.0.0.1', port: Number(line.port), protocol: 'mqtt', protocolVersion: line.version === '5.0' ? 5 : 4,
      clientId: line.client_id, clean: line.clean === '1', keepalive: Number(line.keep_alive), reconnectPeriod: 100,
      username: line.username, password: line.password, ...(will && { will }),
      ...(line.version === '5.0' && { properties })
    })
    let reason, isConnected = false
    client.on('connect', (connack) => {
      isConnected = true
      say('connected', { session_present: Number(connack.sessionPresent) })
    })
    client.on('message', (topic, payload, packet) => {
      say('message', { topic, payload: payload.toString(), qos: packet.qos, retain: Number(packet.retain) })
    })
    client.on('disconnect', (packet) => { reason = packet.reasonCode })
    client.on('error', (error) => {
      if (!isConnected && error.code > 0) say('refused', { reason: error.code })
    })
    client.on('close', () => {
      if (isConnected) say('disconnected', reason === undefined ? {} : { reason })
      isConnected = false
      reason = undefined
    })
  },

  subscribe(line) {
    const options = { qos: Number(line.qos), ...(line.no_local && { nl: true }) }
    if (line.identifier) options.properties = { subscriptionIdentifier: Number(line.identifier) }
    client.subscribe(line.filter, options, (error, granted, packet) => {
      if (error) failed(line.id, error)
      else say('subscribed', { id: line.id, reason: (packet?.granted ?? granted.map((one) => one.qos))[0] })
    })
  },

  unsubscribe(line) {
    client.unsubscribe(line.filter, (error) => {
      if (error) failed(line.id, error)
      else say('unsubscribed', { id: line.id, reason: 0 })
    })
  },

  publish(line) {
    const options = { qos: Number(line.qos), retain: line.retain === '1' }
    if (line.alias) options.properties = { topicAlias: Number(line.alias) }
    client.publish(line.topic, line.payload, options, (error, packet) => {
      if (error) failed(line.id, error)
      else say('published', { id: line.id, reason: packet?.reasonCode ?? 0 })
    })
  },

  disconnect(line) {
    client.end(false, { reasonCode: Number(line.reason ?? 0) })
  }
}

say('ready', { client: 'MQTT.js', release: JSON.parse(own).version })
for await (const text of createInterface({ input: process.stdin })) {
  const [name, ...words] = text.split(' ')
  if (!commands[name]) {
    say('unsupported', { why: 'the library has no way to do it' })
    continue
  }
  const fields = words.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)])
  try {
    const why = commands[name](Object.fromEntries(fields.map(([key, value]) => [key, decodeURIComponent(value)])))
    why ? say('unsupported', { why }) : say('ok')
  } catch (error) {
    say('error', { why: error.message })
  }
}
process.exit(0)
