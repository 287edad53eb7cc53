// MQTT.js against the broker at a port of the loopback interface.
//
// Arguments: the port, and the version of the protocol (3.1, 3.1.1 or 5.0). For each check one line is printed,
// `ok NAME` or `failed NAME: WHY`, and `end` after the last one. Nothing is waited for but events, each for a bounded
// time.

import { strict as assert } from 'node:assert'
import mqtt from 'mqtt'

const port = Number(process.argv[2])
const version = process.argv[3]
const protocolVersion = { '3.1': 3, '3.1.1': 4, '5.0': 5 }[version]
const is5 = version === '5.0'
const PATIENCE_MS = 10_000
const MESSAGES = 300

/** Fails if the promise is not settled in time. */
async function inTime(promise, what) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} in ${PATIENCE_MS} ms`)), PATIENCE_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** A client that is online, and the messages that it got. */
class Peer {
  messages = []
  waiting = []

  static async connect(clientId, options = {}) {
    const peer = new Peer()
    peer.client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
      protocolVersion,
      protocolId: protocolVersion === 3 ? 'MQIsdp' : 'MQTT',
      clientId,
      reconnectPeriod: 0,
      ...options
    })
    // Messages of a kept session come right behind the acceptance.
    peer.client.on('message', (topic, payload, packet) => {
      const message = { topic, payload, packet }
      const waiting = peer.waiting.shift()
      if (waiting) waiting(message)
      else peer.messages.push(message)
    })
    peer.connack = await inTime(
      new Promise((resolve, reject) => {
        peer.client.once('connect', resolve)
        peer.client.once('error', reject)
      }),
      'not connected'
    )
    return peer
  }

  async subscribe(topic, qos, options = {}) {
    const granted = await inTime(this.client.subscribeAsync(topic, { qos, ...options }), 'not subscribed')
    assert.deepEqual(granted.map((grant) => grant.qos), [qos])
  }

  publish(topic, payload, qos, options = {}) {
    return inTime(this.client.publishAsync(topic, payload, { qos, ...options }), `${topic} is not acknowledged`)
  }

  publishNumbers(topic, qos) {
    const numbers = [...Array(MESSAGES).keys()]
    return Promise.all(numbers.map((number) => this.publish(topic, String(number), qos)))
  }

  next() {
    const message = this.messages.shift()
    if (message) return Promise.resolve(message)
    return inTime(new Promise((resolve) => this.waiting.push(resolve)), 'no message came')
  }

  async expect(payload) {
    const message = await this.next()
    assert.equal(message.payload.toString(), payload)
    return message
  }

  async expectNumbers(qos) {
    for (let number = 0; number < MESSAGES; number++) {
      const message = await this.expect(String(number))
      assert.equal(message.packet.qos, qos, `message ${number}`)
    }
  }

  leave() {
    return inTime(this.client.endAsync(), 'not disconnected')
  }

  /** Closes the connection without a packet. */
  async cut() {
    const closed = new Promise((resolve) => this.client.once('close', resolve))
    this.client.stream.destroy()
    await inTime(closed, 'not closed')
    await this.client.endAsync(true)
  }
}

async function eachQos(qos) {
  const reader = await Peer.connect('reader')
  const writer = await Peer.connect('writer')
  await reader.subscribe('each/+', qos)
  await writer.publishNumbers('each/way', qos)
  await reader.expectNumbers(qos)
  await writer.publish('each/end', 'end', qos)
  await reader.expect('end')
  await reader.leave()
  await writer.leave()
}

async function retained() {
  const writer = await Peer.connect('writer')
  await writer.publish('retained/a', 'kept', 1, { retain: true })
  let reader = await Peer.connect('reader')
  await reader.subscribe('retained/+', 1)
  assert.equal((await reader.expect('kept')).packet.retain, true)
  await reader.leave()
  await writer.publish('retained/a', '', 1, { retain: true })
  reader = await Peer.connect('reader')
  await reader.subscribe('retained/+', 1)
  await writer.publish('retained/b', 'live', 1)
  assert.equal((await reader.expect('live')).packet.retain, false)
  await reader.leave()
  await writer.leave()
}

async function will() {
  const watcher = await Peer.connect('watcher')
  await watcher.subscribe('will/+', 1)
  const willOf = (topic, payload) => ({ will: { topic, payload: Buffer.from(payload), qos: 1, retain: false } })
  await (await Peer.connect('polite', willOf('will/never', 'it should not come'))).leave()
  await (await Peer.connect('mortal', willOf('will/gone', 'it was cut'))).cut()
  await watcher.expect('it was cut')
  await watcher.leave()
}

async function large() {
  const payload = Buffer.from(Array.from({ length: 900_000 }, (_, index) => index % 251))
  const peer = await Peer.connect('large')
  await peer.subscribe('large', 2)
  for (const qos of [0, 1, 2]) {
    await peer.publish('large', payload, qos)
    assert.ok((await peer.next()).payload.equals(payload), `QoS ${qos}: not the bytes that were sent`)
  }
  await peer.leave()
}

async function unsubscribe() {
  const peer = await Peer.connect('peer')
  await peer.subscribe('unsubscribe/a', 1)
  await peer.subscribe('unsubscribe/b', 1)
  await inTime(peer.client.unsubscribeAsync('unsubscribe/a'), 'not unsubscribed')
  await peer.publish('unsubscribe/a', 'after', 1)
  await peer.publish('unsubscribe/b', 'end', 1)
  await peer.expect('end')
  await peer.leave()
}

async function keptSession() {
  const kept = is5 ? { clean: false, properties: { sessionExpiryInterval: 100 } } : { clean: false }
  for (const qos of [1, 2]) {
    await (await Peer.connect('kept', { clean: true })).leave()
    let reader = await Peer.connect('kept', kept)
    await reader.subscribe('kept/+', qos)
    await reader.leave()
    const writer = await Peer.connect('writer')
    await writer.publishNumbers('kept/a', qos)
    reader = await Peer.connect('kept', kept)
    assert.ok(reader.connack.sessionPresent || version === '3.1', 'the session is not present')
    await reader.expectNumbers(qos)
    await reader.leave()
    await writer.leave()
  }
}

const SAID = {
  contentType: 'text/plain',
  responseTopic: 'answers/7',
  correlationData: Buffer.from([0, 7, 255]),
  payloadFormatIndicator: true,
  userProperties: { same: ['first', 'second'], other: 'third' }
}

function expectSaid(packet) {
  for (const [name, value] of Object.entries(SAID)) {
    assert.deepEqual(JSON.stringify(packet.properties[name]), JSON.stringify(value), name)
  }
}

async function properties() {
  const peer = await Peer.connect('peer')
  await peer.subscribe('properties', 1)
  await peer.publish('properties', 'x', 1, { properties: { ...SAID, messageExpiryInterval: 100 } })
  const { packet } = await peer.expect('x')
  expectSaid(packet)
  const left = packet.properties.messageExpiryInterval
  assert.ok(left > 0 && left <= 100, `${left} s are left of 100`)
  const will = { topic: 'properties', payload: Buffer.from('cut'), qos: 1, retain: false, properties: SAID }
  await (await Peer.connect('mortal', { will })).cut()
  expectSaid((await peer.expect('cut')).packet)
  await peer.leave()
}

async function aliases() {
  const peer = await Peer.connect('peer', { autoAssignTopicAlias: true, properties: { topicAliasMaximum: 10 } })
  assert.ok(peer.connack.properties.topicAliasMaximum > 0, 'the server takes no aliases')
  await peer.subscribe('aliases/#', 1)
  for (const topic of ['aliases/a', 'aliases/a', 'aliases/b', 'aliases/a']) {
    await peer.publish(topic, 'x', 1)
    assert.equal((await peer.expect('x')).topic, topic)
  }
  await peer.leave()
}

async function subscriptions() {
  const peer = await Peer.connect('peer')
  const other = await Peer.connect('other')
  await peer.subscribe('options', 1, { nl: true, rap: true, properties: { subscriptionIdentifier: 7 } })
  await peer.publish('options', 'mine', 1)
  await other.publish('options', "another's", 1, { retain: true })
  const { packet } = await peer.expect("another's")
  assert.equal(packet.retain, true)
  assert.equal(packet.properties.subscriptionIdentifier, 7)
  await other.subscribe('options', 1, { rh: 2 })
  await other.publish('options', '', 1, { retain: true })
  await other.expect('')
  await peer.leave()
  await other.leave()
}

async function shared() {
  const readers = [await Peer.connect('one'), await Peer.connect('two')]
  const numbers = []
  const all = new Promise((resolve) => {
    for (const reader of readers) {
      reader.client.on('message', (_topic, payload) => {
        if (numbers.push(Number(payload)) === MESSAGES) resolve()
      })
    }
  })
  for (const reader of readers) await reader.subscribe('$share/group/shared', 1)
  const writer = await Peer.connect('writer')
  await writer.publishNumbers('shared', 1)
  await inTime(all, 'not all messages came')
  assert.deepEqual(numbers.sort((one, other) => one - other), [...Array(MESSAGES).keys()])
  for (const peer of [...readers, writer]) await peer.leave()
}

const CHECKS = {
  'QoS 0': () => eachQos(0),
  'QoS 1': () => eachQos(1),
  'QoS 2': () => eachQos(2),
  retained,
  will,
  large,
  unsubscribe,
  'kept session': keptSession
}
const CHECKS_5 = {
  properties,
  'topic aliases': aliases,
  'options of subscriptions': subscriptions,
  'shared subscription': shared
}

for (const [name, check] of Object.entries(is5 ? { ...CHECKS, ...CHECKS_5 } : CHECKS)) {
  try {
    await check()
    console.log(`ok ${name}`)
  } catch (error) {
    console.log(`failed ${name}: ${String(error.message).replaceAll('\n', ' ')}`)
  }
}
console.log('end')
// A client of a check that failed may still be open.
process.exit(0)
