// One upload by tus-js-client, as its argument (JSON) tells; says on one line of JSON how it ended.
import fs from 'node:fs'
import { FileUrlStorage, Upload } from 'tus-js-client'

const order = JSON.parse(process.argv[2])
const requests = []

function end(outcome, more = {}) {
  process.stdout.write(JSON.stringify({ outcome, url: upload.url, requests, ...more }) + '\n')
  process.exit(0)
}

const upload = new Upload(fs.createReadStream(order.file), {
  endpoint: order.endpoint,
  headers: { Authorization: `Bearer ${order.ticket}` },
  urlStorage: new FileUrlStorage(order.storage),
  chunkSize: order.chunk_bytes ?? Infinity,
  retryDelays: order.retry_delays ?? [],
  parallelUploads: order.parallel ?? 1,
  uploadDataDuringCreation: order.during_creation ?? false,
  metadata: { filename: 'Отчёт.bin', filetype: 'application/octet-stream' },
  async onBeforeRequest(request) {
    if (request.getMethod() !== 'PATCH') return
    for (const [name, value] of Object.entries(order.patch_headers ?? {})) request.setHeader(name, value)
    if (order.only_first) order.patch_headers = {}
    if (order.pause_ms) await new Promise(go => setTimeout(go, order.pause_ms))
  },
  onAfterResponse(request, response) {
    requests.push([request.getMethod(), response.getStatus()])
  },
  async onChunkComplete(size, accepted) {
    if (order.abort_behind && accepted >= order.abort_behind) {
      await upload.abort(order.terminate ?? false)
      end('aborted', { accepted })
    }
  },
  onError(error) {
    const response = error.originalResponse
    const body = response?.getBody()
    end('failed', { status: response?.getStatus(), problem: body ? JSON.parse(body) : null, why: String(error) })
  },
  onSuccess() {
    end('done')
  },
})

const before = order.resume ? await upload.findPreviousUploads() : []
if (order.resume) {
  if (before.length !== 1) end('failed', { why: `${before.length} uploads are remembered` })
  upload.resumeFromPreviousUpload(before[0])
}
upload.start()
