internal import CKernels

/// The layout of a page: for each head, all keys and then all values; or latent rows, which are both, of every head.
struct PageLayout {
  /// The number of elements of a key.
  let headDimension: Int
  /// Whether a page holds latent rows: one row a token that is the key and, with its first elements, the value of every
  /// head.
  let isLatent: Bool
  /// The number of tokens of a page.
  let pageTokens: Int
  /// The format of the numbers.
  let type: KVType

  init(headDimension: Int, isLatent: Bool, _ store: StateStore) {
    self.headDimension = headDimension
    self.isLatent = isLatent
    pageTokens = store.pageTokens
    type = store.kvType
  }

  /// The number of bytes from the start of a page to a head's key of a token.
  func key(head: Int, token: Int) -> Int {
    ((isLatent ? 0 : head * 2 * pageTokens) + token) * type.bytes(headDimension)
  }

  /// The number of bytes from the start of a page to a head's value of a token.
  func value(head: Int, token: Int) -> Int {
    key(head: head, token: token) + (isLatent ? 0 : pageTokens * type.bytes(headDimension))
  }

  /// The kernel that rounds a head's numbers to the cache's format.
  var pack: (UnsafeMutableRawPointer?, UnsafePointer<Float>?, Int) -> Void {
    switch type {
    case .f32: unsafe ck_pack_f32
    case .f16: unsafe ck_pack_f16
    case .q8_0: unsafe ck_quantize_q8_0
    }
  }

  /// Converts the numbers of any number of heads to floats.
  func unpack(_ out: UnsafeMutablePointer<Float>, _ values: UnsafeRawPointer, _ count: Int) {
    switch type {
    case .f32: unsafe ck_unpack_f32(out, values, count)
    case .f16: unsafe ck_unpack_f16(out, values, count)
    case .q8_0: unsafe ck_unpack_q8_0(out, values, count)
    }
  }

  /// The kernel of attention to a page; see `ck_attend_f16`.
  var attend:
    (
      UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>?, UnsafePointer<Float>?, UnsafeRawPointer?,
      UnsafeRawPointer?, UnsafeRawPointer?, Int, Int, Int, Int, Int, Float, UnsafePointer<Float>?, Int
    ) -> Void
  {
    switch type {
    case .f32: unsafe ck_attend_f32
    case .f16: unsafe ck_attend_f16
    case .q8_0: unsafe ck_attend_q8_0
    }
  }
}
