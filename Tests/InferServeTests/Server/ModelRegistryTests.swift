import InferCore
import Testing

@testable import infer_serve

struct ModelRegistryTests {
  private func failure(
    _ names: [[String]], routers: [ModelRouter] = [], defaultName: String? = nil
  ) -> String? {
    let definitions = names.map {
      HostedModel.Definition(names: $0, path: "/" + $0[0]) { _, _ in throw CommandFailure("no files") }
    }
    do throws(CommandFailure) {
      _ = try ModelRegistry(
        definitions, routers: routers, defaultName: defaultName, logger: HTTPServer.quietLogger)
      return nil
    } catch { return error.errorDescription }
  }

  @Test func namesThatClashOrLeadNowhereAreRefused() {
    #expect(failure([]) == "there is no model to serve")
    #expect(failure([["a", "b"], ["b"]])?.hasPrefix("two models have the name 'b', /a and /b: ") == true)
    #expect(failure([["a", "a"]]) == nil)
    #expect(failure([["a"]], defaultName: "c") == "--default-model: there is no model 'c', but 'a'")
    let router = ModelRouter(name: "auto", fast: "a", slow: "b")
    #expect(failure([["a"]], routers: [router])?.contains("'b', which is none of the server's") == true)
    #expect(failure([["auto", "a"], ["b"]], routers: [router])?.contains("a name that is another's") == true)
    #expect(failure([["a"], ["b"]], routers: [router, router])?.contains("a name that is another's") == true)
    #expect(failure([["a"], ["b"]], routers: [router], defaultName: "auto") == nil)
  }

  /// An adapter has its own name where that is free, and always that of its model before it.
  @Test func adaptersHaveNamesOfModels() throws {
    func definition(_ names: [String], _ adapters: [String]) -> HostedModel.Definition {
      HostedModel.Definition(names: names, adapters: adapters, path: "/" + names[0]) { _, _ in
        throw CommandFailure("no files")
      }
    }
    let models = try ModelRegistry(
      [definition(["a", "b"], ["x", "y", "c"]), definition(["c"], ["y"])], defaultName: "x",
      logger: HTTPServer.quietLogger)
    #expect(models.adapters.map(\.adapter.name) == ["x", "a:y", "a:c", "c:y"])
    for (name, adapter) in [("x", "x"), ("b:x", "x"), ("a:y", "y"), ("b:c", "c"), ("c:y", "y")] {
      #expect(models.adapter(named: name)?.adapter == adapter)
      #expect(try models.model(named: name).name == (name == "c:y" ? "c" : "a"))
    }
    for name in ["a", "c", "a:latest"] {
      #expect(models.adapter(named: name) == nil)
      #expect(try models.model(named: name).name == String(name.prefix(1)))
    }
    #expect(models.adapter()?.adapter == "x")
    for name in ["y", "c:x"] { #expect(throws: APIError.self) { try models.model(named: name) } }
    for (names, adapters) in [(["a"], ["x", "x"]), (["a"], ["latest"]), (["a", "a:x"], ["x"])] {
      #expect(throws: CommandFailure.self) {
        try ModelRegistry([definition(names, adapters)], logger: HTTPServer.quietLogger)
      }
    }
  }

  /// A failure is told to whoever waits, and to those who come soon after without another try.
  @Test func aModelThatCannotBeLoadedIsTriedAgainLater() async throws {
    let models = ModelRegistry.unloaded(["a"])
    for _ in 0..<2 {
      let error = await #expect(throws: APIError.self) {
        try await models.served(models.models[0], until: .now + .seconds(600))
      }
      #expect(error?.code == "model_load_failed")
    }
    guard case .failed = models.models[0].state else { throw try #require(models.failure) }
    #expect(models.failure is CommandFailure)
  }

  @Test func nobodyWaitsLongerThanAllowed() async {
    let models = ModelRegistry.unloaded(["a"])
    let error = await #expect(throws: APIError.self) { try await models.served(models.models[0], until: .now) }
    #expect(error?.code == "loading" && error?.retryAfter == 2)
  }

  @Test func whoWaitsIsToldHowMuchIsThere() async throws {
    let mayEnd = Monitor(false)
    let definition = HostedModel.Definition(names: ["a"], path: "/a") { _, tell in
      tell(LoadProgress(bytesDone: 31, bytesTotal: 120))
      mayEnd.wait { $0 }
      throw CommandFailure("no files")
    }
    let models = try ModelRegistry([definition], logger: HTTPServer.quietLogger)
    defer { mayEnd.change { $0 = true } }
    var messages: [String] = []
    // The first may come before the loader has said anything.
    while messages.count < 500, messages.last?.contains("%") != true {
      let error = await #expect(throws: APIError.self) {
        try await models.served(models.models[0], until: .now + .milliseconds(20))
      }
      messages.append(error?.message ?? "")
    }
    #expect(messages.last == "The model 'a' is being loaded: 25 % is there.")
  }
}
