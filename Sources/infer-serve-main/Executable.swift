import infer_serve

/// The executable. All it does is in the target `infer-serve`, which tests and fuzzers can link as well.
@main
enum Executable {
  static func main() async { await Main.run() }
}
