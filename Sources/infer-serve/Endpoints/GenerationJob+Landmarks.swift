import HybridBlocks
import InferCore
import InferText

// Which beginnings of a request a router can name.
extension GenerationJob {
  /// Gives the requests to the engine the landmarks of the body, from which all have the same prompt.
  mutating func mark(by chain: PrefixChain?) {
    // It is not needed while the answer is told.
    defer { chat = nil }
    guard let chain, contextShift == nil, let first = requests.first else { return }
    let places = chat?.places(of: chain.segments) ?? []
    let landmarks = chain.landmarks(tokenCount: first.prompt.count, places: places)
    for index in requests.indices { requests[index].landmarks = landmarks }
  }
}

extension EncodedChat {
  /// The number of tokens before the text of each segment of a request, as far as it is found: all that the template writes
  /// before it counts, as far as added tokens mark it.
  func places(of segments: [JSONValue]) -> [Int?] {
    let (bytes, outside) = (Array(prompt.text.utf8), prompt.outside)
    var next = 0
    return segments.map { segment in
      // So many bytes tell it apart.
      let text = PrefixChain.text(of: segment).utf8.drop(while: \.isWhiteSpace).prefix(64)
      guard !text.isEmpty else { return nil }
      // Other members of messages may stand between.
      for index in next..<min(next + 8, outside.count) {
        guard bytes[outside[index]].drop(while: \.isWhiteSpace).starts(with: text) else { continue }
        next = index + 1
        return tokens.count(before: outside[index].lowerBound, of: bytes.count)
      }
      return nil
    }
  }
}

extension UInt8 {
  fileprivate var isWhiteSpace: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}
