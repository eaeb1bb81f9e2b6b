import ArgumentParser
import Foundation
import InferCore
import TestSupport
import Testing

@testable import infer_serve

/// Configuration in YAML, the environment and the command line.
struct ConfigurationTests {
  private static let options = OptionTable(of: Serve.self)

  private func failure(_ yaml: String) -> String? {
    do throws(CommandFailure) {
      _ = try ConfigurationFile(yaml, path: "s.yaml", options: Self.options)
      return nil
    } catch { return error.errorDescription }
  }

  @Test(arguments: [
    ("prot: 8080", "s.yaml:1: unknown key 'prot'; did you mean 'port'?"),
    ("port: 1\nmodel: x\nmax_contxt: 3", "s.yaml:3: unknown key 'max_contxt'; did you mean 'max-context'?"),
    ("modles: []", "s.yaml:1: unknown key 'modles'; did you mean 'models'?"),
    ("zzzzzzzzzz: 1", "s.yaml:1: unknown key 'zzzzzzzzzz'"),
    ("config: other.yaml", "s.yaml:1: unknown key 'config'"),
    ("model-entry: x", "s.yaml:1: unknown key 'model-entry'"),
    ("models:\n  - model: x\n    pni: 3", "s.yaml:3: unknown key 'pni'; did you mean 'pin'?"),
    ("models:\n  - model: x\n    port: 3", "s.yaml:3: unknown key 'port'"),
    ("models:\n  - quantize: Q8_0", "s.yaml:2: an entry of 'models' needs 'model'"),
    ("routers:\n  - name: x\n    fsat: y", "s.yaml:3: unknown key 'fsat'; did you mean 'fast'?"),
    ("models: x", "s.yaml:1: 'models' is a list, each of whose entries has a 'model'"),
    ("- a", "s.yaml:1: the configuration is a mapping of options to values"),
    ("port: [1, 2]", "s.yaml:1: 'port' has one value, not 2"),
    ("port: {a: 1}", "s.yaml:1: 'port' has a mapping as a value"),
    ("strict: perhaps", "s.yaml:1: 'strict' is true or false, not 'perhaps'"),
    ("port: 1\nport: 2", "s.yaml:1: 'port' is there twice"),
  ])
  func faultsAreNamedWithTheirLines(yaml: String, expected: String) { #expect(failure(yaml) == expected) }

  @Test(arguments: ["", "# nothing", "port:", "port: ~", "allowed-host: []"])
  func nothingIsNothing(yaml: String) throws {
    let file = try ConfigurationFile(yaml, path: "s.yaml", options: Self.options)
    #expect(file.settings.flatMap(\.arguments).isEmpty && file.models.isEmpty)
  }

  private func serve(
    _ yaml: String, _ line: String = "", environment: [String: String] = [:]
  ) throws -> Serve {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "s.yaml")
    try Data(yaml.utf8).write(to: file)
    let words = ["--config", file.path] + line.split(separator: " ").map(String.init)
    return try ServeArguments(words, environment: environment).parsed()
  }

  @Test func optionsCountBeforeTheEnvironmentAndThatBeforeTheFile() throws {
    let yaml = "model: a\nport: 1\nmax-queue: 11\nkv-cache-mib: 12\nprefix-caching: false\nallowed-host: [x, y]"
    let environment = ["INFER_SERVE_PORT": "2", "INFER_SERVE_MAX_QUEUE": "22", "OTHER": "0"]
    let serve = try serve(yaml, "--port 3 --prefix-caching --allowed-host z", environment: environment)
    #expect(serve.listening.port == 3 && serve.settings.queue.maxQueue == 22)
    #expect(serve.settings.engine.kvCacheMib.mebibytes == 12 && serve.settings.engine.prefixCaching)
    #expect(serve.listening.allowedHost == ["z"])
    let bare = try self.serve(yaml)
    #expect(!bare.settings.engine.prefixCaching && bare.listening.allowedHost == ["x", "y"])
  }

  @Test func modelsHaveTheOptionsOfAllUnlessTheyHaveTheirOwn() throws {
    let serve = try serve(
      """
      kv-type: f32
      max_context: 100
      models:
        - model: a
        - {model: b, kv_type: q8_0, served-model-name: [c, d], load: demand, pin: true}
      """, "--max-context 50")
    let models = try serve.allSettings()
    #expect(models.map(\.engine.kvType) == [.f32, .q8_0] && models.map(\.engine.maxContext) == [50, 50])
    #expect(models[1].serving.names == ["c", "d"] && models.map(\.residency.load) == [.start, .demand])
    #expect(models.map(\.residency.pin) == [false, true])
  }

  @Test func complaintsOfTheParserNameThePlace() throws {
    func complaint(_ yaml: String, _ line: String = "", _ environment: [String: String] = [:]) -> String {
      do {
        _ = try serve(yaml, line, environment: environment)
        return ""
      } catch { return InferServe.message(for: error) }
    }
    #expect(complaint("model: a\nport: x").contains("s.yaml:2: The value 'x' is invalid for '--port"))
    #expect(complaint("model: a\nport: 70000").contains("s.yaml:2: --port must be between 0 and 65535"))
    #expect(complaint("model: a", "", ["INFER_SERVE_PORT": "x"]).hasPrefix("INFER_SERVE_PORT: "))
    #expect(complaint("model: a\nport: 1", "--port x").hasPrefix("The value 'x'"))
    #expect(complaint("models:\n- model: a\n  load: never").contains("s.yaml:2: The value 'never'"))
    #expect(complaint("port: 1").contains("--model"))
  }

  /// Kubernetes' variables, of services with names that begin alike too, are nobody's fault.
  @Test func variablesThatNothingReadsAreNamed() throws {
    func failure(_ name: String, _ value: String = "1") -> String {
      do {
        _ = try serve("model: a", environment: [name: value])
        return ""
      } catch { return InferServe.message(for: error) }
    }
    #expect(
      failure("INFER_SERVE_PROT")
        == "unknown variable 'INFER_SERVE_PROT' in the environment; did you mean 'INFER_SERVE_PORT'?")
    #expect(failure("INFER_SERVE_API_KEYFILE").hasSuffix("did you mean 'INFER_SERVE_API_KEY_FILE'?"))
    #expect(failure("INFER_SERVE_MODEL_ENTRY").hasPrefix("unknown variable 'INFER_SERVE_MODEL_ENTRY'"))
    #expect(failure("INFER_SERVE_").hasPrefix("unknown variable 'INFER_SERVE_'"))
    #expect(failure("INFER_SERVE_PORT", "tcp://10.0.0.1:80").isEmpty)
    for name in [
      "ISA", "API_KEY", "SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT_80_TCP", "PORT_80_TCP_ADDR",
      "PORT_80_UDP_PROTO", "WEB_SERVICE_HOST", "WEB_PORT_80_TCP_PORT",
    ] { #expect(failure("INFER_SERVE_\(name)").isEmpty, "\(name)") }
    #expect(failure("INFER_SERVE_WEB_PORT", "udp://10.0.0.1:80").isEmpty)
    #expect(failure("INFER_SERVE_WEB_PORT", "80").hasPrefix("unknown variable"))
    #expect(failure("OTHER_SERVE_PROT").isEmpty)
  }

  /// A model that is named and found in a folder too is there once, as it is named.
  @Test func namedModelsAreNotFoundAgain() throws {
    let folder = try TemporaryFolder()
    for name in ["a", "b"] {
      let model = folder.url.appending(path: name)
      try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
      try Data("{}".utf8).write(to: model.appending(path: "config.json"))
    }
    let path = folder.url.path
    let models = try serve(
      "models-dir: [\(path), \(path)/]\nmodels: [{model: \(path)/../\(folder.url.lastPathComponent)/a}]"
    )
    .allSettings()
    #expect(models.compactMap { settings in settings.model.map(settings.names) } == [["a"], ["b"]])
    withExtendedLifetime(folder) {}
  }

  /// Folders whose names look alike and have other bytes are two.
  @Test func foundModelsAreToldApartByTheBytesOfTheirPaths() throws {
    let folder = try TemporaryFolder()
    for name in ["\u{E9}", "e\u{301}"] {
      let model = folder.url.path + "/" + name
      try FileManager.default.createDirectory(atPath: model, withIntermediateDirectories: false)
      #expect(FileManager.default.createFile(atPath: model + "/config.json", contents: Data("{}".utf8)))
    }
    let models = try serve("models-dir: [\(folder.url.path)]").allSettings()
    let paths = models.compactMap { $0.model?.description.utf8.count }
    #expect(paths.sorted() == [2, 3].map { folder.url.path.utf8.count + 1 + $0 })
    withExtendedLifetime(folder) {}
  }

  @Test func spellingFindsTheNearestName() {
    #expect(Spelling.distance("abc", "abc") == 0 && Spelling.distance("", "abc") == 3)
    #expect(Spelling.distance("prot", "port") == 1 && Spelling.distance("kitten", "sitting") == 3)
    #expect(Spelling.nearest(to: "hsot", among: ["host", "port"]) == "host")
    #expect(Spelling.nearest(to: "something", among: ["host", "port"]) == nil)
    #expect(Spelling.nearest(to: "port", among: ["lora", "pin"]) == nil)
  }
}
