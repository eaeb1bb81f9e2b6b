import CPCRE2

/// A compiled Unicode pattern, matched over UTF-8 by PCRE2 (just-in-time compiled where the machine can).
///
/// `@unchecked Sendable`. Safe because compiled code is never written after `init`; what a match writes is in
/// `Matcher`.
@safe final class RegularExpression: @unchecked Sendable {
  let pattern: String
  private let code: OpaquePointer
  /// Whether there is machine code for the pattern.
  private let isCompiled: Bool

  /// `path` names the pattern's place in errors.
  init(_ pattern: String, at path: String) throws(TokenizerError) {
    let translated = try RegexDialect.translate(pattern, at: path)
    var errorCode: Int32 = 0
    var offset = 0
    let compiled = unsafe Array(translated.utf8).withUnsafeBufferPointer { bytes in
      unsafe pcre2_compile_8(
        bytes.baseAddress, bytes.count, UInt32(PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C), &errorCode, &offset,
        nil)
    }
    guard let code = unsafe compiled else {
      throw .invalid(path: path, reason: "\(Self.message(errorCode)) at byte \(offset) of the pattern \(pattern)")
    }
    // Without a compiler for this machine, matching falls back to the interpreter.
    isCompiled = unsafe pcre2_jit_compile_8(code, UInt32(PCRE2_JIT_COMPLETE)) == 0
    self.pattern = pattern
    unsafe self.code = code
  }

  deinit { unsafe pcre2_code_free_8(code) }

  private static func message(_ errorCode: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let length = unsafe buffer.withUnsafeMutableBufferPointer {
      unsafe pcre2_get_error_message_8(errorCode, $0.baseAddress, 256)
    }
    return String(decoding: buffer.prefix(Int(max(0, length))), as: UTF8.self)
  }

  /// Appends all matches in `text[range]`, left to right, as ranges of `text`; what lies outside of `range` is not
  /// seen. `text[range]` must be valid UTF-8.
  func findMatches(
    in text: [UInt8], _ range: Range<Int>, with matcher: borrowing Matcher, into matches: inout [Range<Int>]
  ) throws(TokenizerError) {
    precondition(range.lowerBound >= 0 && range.upperBound <= text.count, "\(range) is outside of \(text.count) bytes")
    var failure: Int?
    unsafe text.withUnsafeBufferPointer { bytes in
      guard let start = unsafe bytes.baseAddress.map({ unsafe $0 + range.lowerBound }) else { return }
      var position = 0
      while position <= range.count {
        let status = unsafe match(start, range.count, position, matcher)
        if status == PCRE2_ERROR_NOMATCH { return }
        guard status >= 0 else {
          failure = position
          return
        }
        let match = matcher.range
        matches.append(match.lowerBound + range.lowerBound..<match.upperBound + range.lowerBound)
        position = match.isEmpty ? Self.next(after: match.upperBound, in: text, range) : match.upperBound
      }
    }
    if let failure { throw .regexLimit(pattern: pattern, offset: failure) }
  }

  /// Compiled code is called without the checks of arguments, which take longer than most matches.
  private func match(
    _ text: UnsafePointer<UInt8>, _ count: Int, _ position: Int, _ matcher: borrowing Matcher
  ) -> Int32 {
    if isCompiled { return unsafe pcre2_jit_match_8(code, text, count, position, 0, matcher.data, matcher.context) }
    return unsafe pcre2_match_8(
      code, text, count, position, UInt32(PCRE2_NO_UTF_CHECK), matcher.data, matcher.context)
  }

  /// After an empty match the search goes on behind the next scalar.
  private static func next(after position: Int, in text: [UInt8], _ range: Range<Int>) -> Int {
    var next = position + 1
    while next < range.count, text[range.lowerBound + next] & 0xC0 == 0x80 { next += 1 }
    return next
  }
}

extension RegularExpression {
  /// One thread's means to match: the result, a stack for compiled code, and the limits that keep a hostile pattern
  /// or text from running on. Serves any number of patterns, one after another.
  @safe struct Matcher: ~Copyable {
    fileprivate let data: OpaquePointer?
    fileprivate let context: OpaquePointer?
    private let stack: OpaquePointer?

    init() {
      unsafe data = pcre2_match_data_create_8(1, nil)
      unsafe context = pcre2_match_context_create_8(nil)
      unsafe stack = pcre2_jit_stack_create_8(32 << 10, 32 << 20, nil)
      unsafe precondition(data != nil && context != nil, "out of memory for a pattern match")
      unsafe pcre2_set_match_limit_8(context, 10_000_000)
      unsafe pcre2_set_heap_limit_8(context, 64 << 10)
      if unsafe stack != nil { unsafe pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(stack)) }
    }

    deinit {
      unsafe pcre2_match_data_free_8(data)
      unsafe pcre2_match_context_free_8(context)
      unsafe pcre2_jit_stack_free_8(stack)
    }

    /// The range of the last match. (`\K` in a lookahead can move its start behind its end: then it is empty.)
    fileprivate var range: Range<Int> {
      guard let bounds = unsafe pcre2_get_ovector_pointer_8(data) else { return 0..<0 }
      let end = unsafe bounds[1]
      return unsafe min(bounds[0], end)..<end
    }
  }
}
