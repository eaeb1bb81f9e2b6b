import Logging

extension TLSCertificates {
  /// Follows the changes of the files until the task is cancelled.
  ///
  /// Files that do not belong together, as when one of them has been replaced, leave the certificate as it was.
  func watch(_ logger: Logger) -> Task<Void, Never> {
    let watch = FileWatch([certificate, key], from: versions) { [self] in
      do throws(CommandFailure) {
        try reload()
        logger.notice("certificate read")
      } catch {
        logger.error("certificate not read", metadata: ["error": "\(error.errorDescription ?? "")"])
      }
    }
    return Task { await watch.run() }
  }
}
