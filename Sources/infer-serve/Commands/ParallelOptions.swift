import ArgumentParser
import Foundation
import InferCore
import InferText

#if MPI
  import InferMPI
#endif

/// How several processes compute one model.
struct ParallelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Compute the model with all processes of an MPI job ('mpirun -n 2 infer-serve serve --parallel tensor=2 …'): with \
      tensor=2, each of two has its share of every layer: heads, inner columns and experts; with pipeline=2, half of the \
      layers, which suits slow networks; with both, each half two. 'auto' chooses what is fastest by the speed of memory and \
      network, of what there is room for. Needs a build with the trait MPI.
      """, valueName: "tensor=count,pipeline=count"), transform: ParallelSplit.init)
  var parallel: ParallelSplit?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Time after which a process of the job that hangs, or that the network has lost, ends the job.",
      valueName: "seconds"))
  var parallelTimeout = 30.0

  @Option(
    help: ArgumentHelp(
      """
      A page of /metrics of a server that has computed the model: experts are dealt out to the processes so that each has \
      about as many rows ('infer_expert_rows_total').
      """, valueName: "file"),
    transform: PathArgument.init)
  var expertLoad: PathArgument?

  func validate() throws {
    try require(1...86_400, "parallel-timeout", parallelTimeout)
    guard parallel != nil || expertLoad == nil else {
      throw ValidationError("--expert-load says how experts are dealt out by --parallel; expected both")
    }
  }

  /// The rows of each expert by which experts are dealt out; `nil` for consecutive ones.
  func expertLoads() throws -> ExpertLoads? {
    guard let expertLoad else { return nil }
    let data: Data
    do { data = try Data(contentsOf: expertLoad.url) } catch {
      throw CommandFailure("--expert-load: cannot read \(expertLoad): \(error.localizedDescription)")
    }
    do { return try ExpertLoads(metrics: String(decoding: data, as: UTF8.self)) } catch {
      throw CommandFailure("--expert-load: \(expertLoad): \(error)")
    }
  }

  /// The processes of the job, this one among them; `nil` where the model is not divided.
  ///
  /// - Throws: ``CommandFailure`` when the job is not the one that the options want.
  func join() throws -> (any Communicator)? {
    guard let parallel else {
      let size = ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_SIZE"].flatMap { Int($0) } ?? 1
      guard size == 1 else {
        throw CommandFailure(
          "this is one of \(size) processes of an MPI job, and without --parallel each would serve by itself; expected "
            + "--parallel tensor=\(size)")
      }
      return nil
    }
    #if MPI
      do {
        let ranks = try MPICommunicator(patience: .seconds(parallelTimeout))
        if let count = parallel.count, ranks.size != count {
          throw CommandFailure(
            "--parallel \(parallel) needs \(count) processes, and the job has \(ranks.size); start it with "
              + "'mpirun -n \(count) infer-serve serve …'")
        }
        return ranks
      } catch let error as RankError { throw CommandFailure("MPI: \(error)") }
    #else
      throw CommandFailure(
        "--parallel needs MPI, which this infer-serve was built without; build it with 'swift build --traits Server,MPI'"
      )
    #endif
  }

  /// Leaves the job at the end, when all others do. A process that fails does not: its end is that of the job.
  static func leave(_ ranks: (any Communicator)?) {
    #if MPI
      (ranks as? MPICommunicator)?.leave()
    #endif
  }
}

/// How a model is divided.
enum ParallelSplit: Equatable, CustomStringConvertible {
  /// As is faster.
  case auto
  /// Layers in so many stages, and every layer in so many parts.
  case grid(tensor: Int, pipeline: Int)

  /// The most processes of a job.
  private static let most = 128

  /// The number of processes; `nil` for as many as there are.
  var count: Int? {
    switch self {
    case .auto: nil
    case .grid(let tensor, let pipeline): tensor * pipeline
    }
  }

  /// The number of stages.
  var stages: Int {
    switch self {
    case .auto: 1
    case .grid(_, let pipeline): pipeline
    }
  }

  var description: String {
    switch self {
    case .auto: "auto"
    case .grid(let tensor, 1): "tensor=\(tensor)"
    case .grid(1, let pipeline): "pipeline=\(pipeline)"
    case .grid(let tensor, let pipeline): "tensor=\(tensor),pipeline=\(pipeline)"
    }
  }

  /// Reads `auto`, or numbers such as `tensor=2,pipeline=2`. Experts are dealt out to the same processes as heads: `expert`
  /// may be said and is the number of `tensor`.
  ///
  /// - Throws: `ValidationError` that names the part that makes no sense.
  init(_ argument: String) throws {
    if argument.isExactly("auto") {
      self = .auto
      return
    }
    var counts: [ExactText: Int] = [:]
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = part.split(separator: "=", omittingEmptySubsequences: false)
      guard let name = ["tensor", "expert", "pipeline"].first(where: { $0.utf8.elementsEqual(sides[0].utf8) }) else {
        throw ValidationError("'\(part)' is no part of a division; expected 'auto', or tensor=, expert= or pipeline=")
      }
      guard sides.count == 2, let count = Int(sides[1]), 1...Self.most ~= count else {
        throw ValidationError("'\(part)' has no number of processes from 1 to \(Self.most)")
      }
      guard counts.updateValue(count, forKey: ExactText(name)) == nil else {
        throw ValidationError("'\(name)' stands twice")
      }
    }
    let tensor = counts["tensor"] ?? counts["expert"] ?? 1
    let pipeline = counts["pipeline"] ?? 1
    if let expert = counts["expert"], expert != tensor {
      throw ValidationError(
        "expert=\(expert) with tensor=\(tensor): experts go to the same processes as heads; expected expert=\(tensor)")
    }
    guard tensor * pipeline <= Self.most else {
      throw ValidationError("\(tensor) times \(pipeline) processes, expected \(Self.most) at most")
    }
    self = .grid(tensor: tensor, pipeline: pipeline)
  }
}
