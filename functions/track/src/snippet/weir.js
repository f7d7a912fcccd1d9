// What pages include:
//   <script async src="https://weir.example/weir.js" data-key="WRITE KEY"></script>
//
// It reports page views, and by `weir(name, properties)` whatever else a page wants counted, to
// the Segment-style door. It keeps nothing on the visitor's machine: who comes again is not known.
// What is sent is this file without its comments and its indentation.
(() => {
  const page = window, doc = document, place = location, script = doc.currentScript, data = script.dataset
  // The server writes in how the door is reached from this script.
  const door = new URL('{TO_ROOT}v1/batch', script.src)
  // Names this one load of the page; with a number, one event, whatever is sent twice.
  const load = crypto.getRandomValues(new Uint32Array(3)).join('-')
  // What calls had to wait for before this script was here.
  const early = page.weir && page.weir.q || []
  let queue = [], count = 0, wait = 1e3, timer, here, last = doc.referrer

  const add = (type, event, properties) => {
    // While nothing can be sent, a page that stays open must not grow for ever. Kept is what was said
    // now, whatever the page does to it later; what JSON cannot say is nobody else's loss.
    try {
      queue[999] || queue.push(JSON.parse(JSON.stringify({
        type, event, properties,
        messageId: load + '-' + count++,
        anonymousId: load,
        userId: data.user,
        originalTimestamp: new Date
      })))
    } catch {}
    later()
  }
  const later = () => timer = timer || setTimeout(send, wait)

  // Plain text needs no preflight, and is what beacons are.
  const body = batch => JSON.stringify({ writeKey: data.key, sentAt: new Date, batch })
  const send = () => {
    // Leaving has sent it already, and the page was come back to.
    if (!queue[0]) return timer = 0
    const batch = queue.splice(0, 20)
    // Repeated is what may be accepted later: the door knows by the ids what it has.
    const again = () => { queue = batch.concat(queue); wait = Math.min(wait * 2, 6e4) }
    const text = body(batch)
    // Browsers allow what outlives a page 64 KB, and a character takes up to three.
    fetch(door, { method: 'POST', body: text, keepalive: text.length < 2e4, credentials: 'omit' })
      .then(answer => answer.status == 429 || answer.status > 499 ? again() : wait = 1e3, again)
      .then(() => { timer = 0; queue[0] && later() })
  }
  // One by one, so that one that is too large for a beacon holds up no other.
  const leave = () => queue = queue.filter(event => !navigator.sendBeacon(door, body([event])))

  const view = () => {
    const { pathname: path, search, href } = place
    // Going to a heading of the same page is no view.
    if (here == (here = path + search)) return
    add('page', undefined, { path, search, referrer: last, title: doc.title })
    last = href
  }

  page.weir = (event, properties) => add('track', event, properties)
  early.forEach(call => page.weir(...call))
  if (data.auto != 'off') {
    const push = history.pushState
    history.pushState = function () { push.apply(this, arguments); view() }
    page.addEventListener('popstate', view)
    view()
  }
  page.addEventListener('pagehide', leave)
  doc.addEventListener('visibilitychange', () => doc.hidden && leave())
})()
