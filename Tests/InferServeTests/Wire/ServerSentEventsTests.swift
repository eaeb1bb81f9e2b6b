import InferCore
import InferText
import NIOCore
import Testing

@testable import infer_serve

struct ServerSentEventsTests {
  @Test func everyEventIsOneLineOfData() {
    let buffer = ServerSentEvents.events([["text": "a\nb\r\n\u{2028}c"], ["n": 1]])
    let text = String(buffer: buffer)
    #expect(text == "data: {\"text\":\"a\\nb\\r\\n\u{2028}c\"}\n\ndata: {\"n\":1}\n\n")
    #expect(String(buffer: ServerSentEvents.done) == "data: [DONE]\n\n")
  }
}
