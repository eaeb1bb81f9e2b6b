internal import CKernels

extension ThreadPlacement {
  /// The system's calls. Tests replace them by some that refuse, or that are written down.
  struct System: Sendable {
    /// Lets a thread, 0 for the calling one, run on some processors alone. Returns an error number, or 0.
    var setAffinity: @Sendable (_ mask: NumberMask, _ thread: Int32) -> Int32 = { Affinity.set($0, of: $1) }
    /// Sets the policy of a range of memory. Returns an error number, or 0.
    var placeMemory:
      @Sendable (_ base: UInt, _ byteCount: Int, _ policy: ck_memory_policy, _ nodes: NumberMask) -> Int32 = {
        base, byteCount, policy, nodes in
        unsafe ck_place_memory(
          UnsafeMutableRawPointer(bitPattern: base), byteCount, policy, nodes.words, nodes.words.count)
      }
    /// Reads the calling thread's policy of memory. Returns an error number, or 0.
    var threadPolicy: @Sendable (_ policy: inout ck_thread_policy) -> Int32 = { unsafe ck_get_thread_policy(&$0) }
    /// Sets it. Returns an error number, or 0.
    var setThreadPolicy: @Sendable (_ policy: ck_thread_policy) -> Int32 = { policy in
      unsafe withUnsafePointer(to: policy) { unsafe ck_set_thread_policy($0) }
    }
  }
}
