import Hummingbird
import InferCore
import ServiceLifecycle

/// The HTTP application as a service whose failure to listen is one clear line.
struct ListeningService<App: ApplicationProtocol>: Service {
  let application: App
  let configuration: HTTPServer.Configuration

  init(_ application: App, _ configuration: HTTPServer.Configuration) {
    self.application = application
    self.configuration = configuration
  }

  func run() async throws {
    try configuration.address.checkFree()
    configuration.socketMode?.begin()
    defer {
      configuration.socketMode?.end()
      configuration.address.remove(configuration.socketFile.withLock { $0 })
    }
    do { try await application.run() } catch { throw HTTPServer.failure(error, configuration) }
  }
}
