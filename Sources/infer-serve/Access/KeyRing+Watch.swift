import Logging

extension KeyRing {
  /// Follows the changes of the file, if there is one, until the task is cancelled.
  ///
  /// A file that is damaged or gone leaves the keys as they were.
  func watch(_ logger: Logger) -> Task<Void, Never>? {
    guard let file else { return nil }
    let watch = FileWatch([file], from: [version]) { [self] () throws(CommandFailure) in
      try reload()
    } tell: { [self] failure in
      if let failure {
        logger.error("keys not read", metadata: ["error": "\(failure.errorDescription ?? "")"])
      } else {
        logger.notice("keys read", metadata: ["keys": "\(count)"])
      }
    }
    return Task { await watch.run() }
  }
}
