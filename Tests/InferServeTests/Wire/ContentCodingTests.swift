import HTTPTypes
import Testing

@testable import infer_serve

struct ContentCodingTests {
  /// `{"prompt": "2 + 2"}` as gzip, zlib and bare deflate write it.
  private static let text = Array(#"{"prompt": "2 + 2"}"#.utf8)
  private static let deflated: [UInt8] = [
    171, 86, 42, 40, 202, 207, 45, 40, 81, 178, 82, 80, 50, 82, 208, 86, 48, 82, 170, 5, 0,
  ]
  private static let gzip: [UInt8] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 42, 40, 202, 207, 45, 40, 81, 178, 82, 80, 50, 82, 208, 86, 48, 82, 170,
    5, 0, 154, 126, 225, 196, 19, 0, 0, 0,
  ]
  private static let zlib: [UInt8] = [
    120, 156, 171, 86, 42, 40, 202, 207, 45, 40, 81, 178, 82, 80, 50, 82, 208, 86, 48, 82, 170, 5, 0, 60, 117, 5, 76,
  ]

  private func coding(_ name: String?) throws(APIError) -> ContentCoding {
    var headers = HTTPFields()
    headers[.contentEncoding] = name
    return try ContentCoding(headers)
  }

  @Test func bodiesAreDecoded() throws {
    #expect(try coding(nil).decode(Self.text, limit: 100) == Self.text)
    #expect(try coding("gzip").decode(Self.gzip + Self.gzip, limit: 100) == Self.text + Self.text)
    #expect(try coding("Deflate").decode(Self.zlib, limit: 19) == Self.text)
    #expect(try coding("identity , deflate").decode(Self.deflated, limit: 19) == Self.text)
  }

  @Test func moreThanTheLimitIsRefused() {
    for (name, body) in [("gzip", Self.gzip), ("deflate", Self.zlib), ("deflate", Self.deflated)] {
      #expect(refusal { () throws(APIError) in try coding(name).decode(body, limit: 18) }?.status == 413)
    }
  }

  @Test func bodiesThatAreCutOrChangedAreRefused() {
    for body in [Self.gzip, Self.zlib, Self.deflated] {
      let name = body == Self.gzip ? "gzip" : "deflate"
      for length in 0..<body.count {
        let cut = Array(body.prefix(length))
        #expect(refusal { () throws(APIError) in try coding(name).decode(cut, limit: 100) }?.status == 400)
        for bit in 0..<8 {
          var changed = body
          changed[length] ^= 1 << bit
          // A bare stream has no sum to tell damage by.
          _ = refusal { () throws(APIError) in try coding(name).decode(changed, limit: 1 << 20) }
        }
      }
    }
    #expect(refusal { () throws(APIError) in try coding("gzip").decode(Self.gzip + [0], limit: 100) }?.status == 400)
  }

  @Test(arguments: ["br", "gzip, gzip", "deflate, gzip", "gzip;q=1"]) func otherCodingsAreNamed(name: String) {
    let error = refusal { () throws(APIError) in try coding(name) }
    #expect(error?.status == 415 && error?.acceptEncoding == "gzip, deflate" && error?.message.contains(name) == true)
  }

  @Test func marksAreSkippedAndWideUnitsNamed() throws {
    #expect(try FieldReader(body: [0xEF, 0xBB, 0xBF] + Self.text).string("prompt") == "2 + 2")
    for body: [UInt8] in [[0xFF, 0xFE, 0x7B, 0], [0xFE, 0xFF, 0, 0x7B], [0x7B, 0, 0x7D, 0], [0, 0, 0, 0x7B]] {
      let error = refusal { () throws(APIError) in try FieldReader(body: body) }
      #expect(error?.status == 400 && error?.message.contains("UTF-8") == true)
    }
    for body: [UInt8] in [[], [0], [0x7B]] {
      #expect(refusal { () throws(APIError) in try FieldReader(body: body) } != nil)
    }
  }
}
