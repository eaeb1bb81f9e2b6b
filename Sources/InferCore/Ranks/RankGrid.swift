/// The ranks of a job in stages: each stage has some consecutive layers of the model, and each of its ranks a share of these
/// layers. Rank `stage · width + index` of the job is rank `index` of its stage.
package struct RankGrid: Sendable {
  /// All ranks of the job.
  package let job: any Communicator
  /// The number of stages.
  package let stages: Int
  /// The ranks of the own stage; `nil` for one that is alone.
  let peers: (any Communicator)?

  /// The grid of a job.
  ///
  /// - Precondition: the job's ranks can be dealt out to the stages evenly.
  package init(_ job: any Communicator, stages: Int = 1) {
    precondition(stages > 0 && job.size % stages == 0, "\(job.size) ranks in \(stages) stages")
    self.job = job
    self.stages = stages
    let width = job.size / stages
    let first = job.rank / width * width
    peers = width == 1 ? nil : width == job.size ? job : RankGroup(job, ranks: first..<first + width)
  }

  /// The number of ranks of a stage.
  package var width: Int { job.size / stages }

  /// The number of the own stage.
  package var stage: Int { job.rank / width }

  /// The own share of a model.
  package var share: ModelShare {
    var share = ModelShare(rank: job.rank % width, of: width)
    (share.stage, share.stages) = (stage, stages)
    return share
  }

  /// The rank that has the rows before the own layers; `nil` where they begin with the model's first.
  var previous: Int? { stage == 0 ? nil : job.rank - width }

  /// The rank that goes on behind the own layers; `nil` where they are the model's last.
  var next: Int? { stage == stages - 1 ? nil : job.rank + width }

  /// The rank that has all logits first.
  var head: Int { (stages - 1) * width }
}

/// Some consecutive ranks of a job.
struct RankGroup: Communicator {
  private let job: any Communicator
  private let ranks: Range<Int>

  /// - Precondition: the own rank is among them.
  init(_ job: any Communicator, ranks: Range<Int>) {
    precondition(ranks.contains(job.rank) && ranks.upperBound <= job.size, "rank \(job.rank) in \(ranks)")
    self.job = job
    self.ranks = ranks
  }

  var rank: Int { job.rank - ranks.lowerBound }
  var size: Int { ranks.count }
  var patience: Duration { job.patience }

  func exchange(
    sending: [OutgoingMessage], receiving: [IncomingMessage], within patience: Duration?
  ) throws(RankError) {
    let first = ranks.lowerBound
    try job.exchange(
      sending: sending.map { unsafe OutgoingMessage(to: first + $0.rank, $0.bytes) },
      receiving: receiving.map { unsafe IncomingMessage(from: first + $0.rank, $0.bytes) }, within: patience)
  }

  func abort(_ error: RankError) -> Never { job.abort(error) }
}
