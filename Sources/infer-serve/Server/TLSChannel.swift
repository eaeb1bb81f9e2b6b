import HummingbirdCore
import Logging
import NIOCore
import NIOSSL

/// Sets connections up with TLS before what they carry, each with the certificate that is in force when it comes.
struct TLSChannel<Base: ServerChildChannel>: ServerChildChannel {
  let base: Base
  let certificates: TLSCertificates

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
    channel.eventLoop.makeCompletedFuture {
      try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: certificates.context))
    }.flatMap { base.setup(channel: channel, logger: logger) }
  }

  func handle(value: Base.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}
