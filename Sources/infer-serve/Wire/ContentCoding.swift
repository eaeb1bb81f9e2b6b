import HTTPTypes

/// How a request's body is coded for its way here (RFC 9110, section 8.4.1).
enum ContentCoding: Equatable {
  case identity
  case gzip
  case deflate

  /// The codings that ``init(_:)`` knows, for those who ask with something else.
  static let supported = "gzip, deflate"

  /// Reads a request's header.
  ///
  /// - Throws: 415 for a coding that is not known, and for several, one on top of another.
  init(_ headers: HTTPFields) throws(APIError) {
    let given = headers[values: .contentEncoding].joined(separator: ",")
    let codings = given.split(separator: ",").map { $0.trimmingPrefix { $0 == " " || $0 == "\t" }.lowercased() }
      .map { String($0.prefix { $0 != " " && $0 != "\t" }) }.filter { $0 != "identity" }
    switch codings {
    case []: self = .identity
    case ["gzip"], ["x-gzip"]: self = .gzip
    case ["deflate"]: self = .deflate
    default: throw .unsupportedContentCoding(given)
    }
  }

  /// The body itself, of `limit` bytes at most. Takes time in proportion to what comes out, and memory for no more.
  ///
  /// - Throws: 413 when there is more, 400 when the bytes are damaged.
  func decode(_ body: [UInt8], limit: Int) throws(APIError) -> [UInt8] {
    do throws(Inflater.Fault) {
      switch self {
      case .identity: return body
      case .gzip: return try Inflater.inflate(body, .gzip, limit: limit)
      // Some senders leave out the frame that the standard asks for.
      case .deflate: return try Inflater.inflate(body, Inflater.hasZlibHeader(body) ? .zlib : .raw, limit: limit)
      }
    } catch {
      switch error {
      case .tooLarge: throw .bodyTooLarge(limit: limit)
      case .damaged(let reason):
        throw .invalid(nil, "The request body is not sound \(self): \(reason).", code: "invalid_body")
      }
    }
  }
}
