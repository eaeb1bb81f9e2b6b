import Logging

extension TLSCertificates {
  /// Follows the changes of the files until the task is cancelled.
  ///
  /// Files that do not belong together, as when one of them has been replaced, leave the certificate as it was.
  func watch(_ logger: Logger) -> Task<Void, Never> {
    let watch = FileWatch([certificate, key], from: versions) { [self] () throws(CommandFailure) in
      try reload()
    } tell: { failure in
      if let failure {
        logger.error("certificate not read", metadata: ["error": "\(failure.errorDescription ?? "")"])
      } else {
        logger.notice("certificate read")
        if let warning = self.warning { logger.warning("odd certificate", metadata: ["warning": "\(warning)"]) }
      }
    }
    return Task { await watch.run() }
  }
}
