// Tracks orders and asks for them, with `fetch`, in Node from 20 on.
//
//   WEIR_URL=http://127.0.0.1:8080 WEIR_CLIENT_ID=… WEIR_CLIENT_SECRET=… WEIR_WRITE_KEY=… node events.mjs
//
// The same works in a page whose origin is among `weir serve --allowed-origins`; it must hold no
// client's secret, though. To report from pages, include the snippet (../browser) instead.

const { WEIR_URL: url = 'http://127.0.0.1:8080', WEIR_CLIENT_ID, WEIR_CLIENT_SECRET, WEIR_WRITE_KEY } = process.env
const [namespace, name] = ['example-javascript', 'order']
const json = { 'Content-Type': 'application/json' }

// A token, by OAuth2 client credentials. It is good for an hour: keep it and use it again.
const { access_token } = await post('/o/token/', {
  headers: { Authorization: basic(WEIR_CLIENT_ID, WEIR_CLIENT_SECRET) },
  body: new URLSearchParams({ grant_type: 'client_credentials' })
})
const bearer = { Authorization: `Bearer ${access_token}` }

// One event.
const event = { namespace, name, value: 12.5, actor: 'ada', properties: { plan: 'pro' } }
console.log('stored:', await post('/api/track/', { headers: { ...json, ...bearer }, body: JSON.stringify(event) }))

// Many at once. With an Idempotency-Key the same request may be sent again, whatever became of
// its answer, and is counted once.
const batch = JSON.stringify([1, 2, 3].map(value => ({ namespace, name, value })))
const named = { ...json, ...bearer, 'Idempotency-Key': crypto.randomUUID() }
for (let time = 0; time < 2; time++) {
  console.log('stored:', await post('/api/track/', { headers: named, body: batch }))
}

// With a write key as the user and no password, no token is needed.
const key = { ...json, Authorization: basic(WEIR_WRITE_KEY, '') }
console.log('stored:', await post('/api/track/', { headers: key, body: JSON.stringify({ ...event, value: 4 }) }))

for (const aggregationType of ['count', 'sum']) {
  const question = new URLSearchParams({ namespace, name, granularity: 'day', aggregationType })
  const answer = await fetch(`${url}/api/events?${question}`, { headers: bearer })
  if (!answer.ok) throw new Error(await answer.text())
  console.log(aggregationType, 'by day:', JSON.stringify(await answer.json()))
}

// Posts, and again after what a busy or restarting Weir asks for.
async function post(path, request) {
  for (let attempt = 0; attempt < 6; attempt++) {
    const answer = await fetch(url + path, { method: 'POST', ...request }).catch(() => undefined)
    if (answer?.ok) return answer.json()
    if (answer && ![429, 503].includes(answer.status)) throw new Error(await answer.text())
    const seconds = answer ? Number(answer.headers.get('Retry-After') ?? 1) : 2 ** attempt / 4
    await new Promise(resolve => setTimeout(resolve, seconds * 1000))
  }
  throw new Error(`${url} could not be reached or had too much to do`)
}

function basic(user, password) {
  return 'Basic ' + btoa(`${user}:${password}`)
}
