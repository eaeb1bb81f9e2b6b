internal import CKernels
internal import Glibc

/// Starts a thread of a name that runs a body. Tests replace it by one that refuses.
typealias ThreadStarter = (_ name: String, _ body: @escaping @Sendable () -> Void) throws(ModelError) -> pthread_t

/// Starts a thread that runs `body`. Its name, of at most 15 bytes, is what `top` and
/// debuggers show.
///
/// - Throws: ``ModelError/outOfThreads(_:)``.
func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) throws(ModelError) -> pthread_t {
  precondition(name.utf8.count <= 15, "the system cuts the name \(name)")
  final class Start {
    let entry: ThreadRoster.Entry
    let body: @Sendable () -> Void
    init(_ entry: ThreadRoster.Entry, _ body: @escaping @Sendable () -> Void) {
      self.entry = entry
      self.body = body
    }
  }
  let entry = ThreadRoster.shared.add(name)
  let context = unsafe Unmanaged.passRetained(Start(entry, body)).toOpaque()
  var thread = pthread_t()
  let status = unsafe pthread_create(
    &thread, nil,
    { context in
      guard let context = unsafe context else { return nil }
      let start = unsafe Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
      // Without the heap, which steps that run by now do not touch.
      unsafe start.entry.name.withCString { name in unsafe ck_name_thread(name) }
      start.entry.enter()
      start.body()
      ThreadRoster.shared.remove(start.entry)
      return nil
    }, context)
  guard status == 0 else {
    unsafe Unmanaged<Start>.fromOpaque(context).release()
    ThreadRoster.shared.remove(entry)
    throw .outOfThreads("the system starts no thread \(name): \(systemErrorText(status))")
  }
  return thread
}

/// Starts a thread that nobody waits for.
///
/// - Throws: ``ModelError/outOfThreads(_:)``.
func startDetachedThread(_ name: String, _ body: @escaping @Sendable () -> Void) throws(ModelError) {
  pthread_detach(try startThread(name, body))
}
