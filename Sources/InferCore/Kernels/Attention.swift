internal import CKernels

/// Writes the step's new keys and values into the pages of their sequences.
///
/// - Parameters:
///   - keys: `[step rows × heads · headDimension]`, after rotation.
///   - values: the same shape.
///   - heads: the number of heads of keys and values.
///   - headDimension: the width of a head.
///   - cache: state of the kind ``StateKind/paged(heads:headDimension:)`` of the same sizes.
///   - step: the step.
public func appendToCache(
  keys: Rows, values: Rows, heads: Int, headDimension: Int, cache: StateHandle, _ step: borrowing Step
) {
  step.store.layout.expect(.paged(heads: heads, headDimension: headDimension), at: cache)
  step.checkRows(keys.count)
  step.checkRows(values.count)
  precondition(
    keys.columns == heads * headDimension && values.columns == keys.columns,
    "\(keys.columns) and \(values.columns) columns of \(heads) heads of \(headDimension)")
  let layout = PageLayout(headDimension: headDimension, isLatent: false, step.store)
  let pack = unsafe layout.pack
  unsafe forEachToken(in: cache, step) { row, page, token in
    for head in 0..<heads {
      let key = unsafe page + layout.key(head: head, token: token)
      unsafe pack(key, keys.base + row * keys.stride + head * headDimension, headDimension)
      let value = unsafe page + layout.value(head: head, token: token)
      unsafe pack(value, values.base + row * values.stride + head * headDimension, headDimension)
    }
  }
}

/// Writes the step's new latent rows into the pages of their sequences.
///
/// - Parameters:
///   - latents: `[step rows × dimension]`.
///   - cache: state of the kind ``StateKind/latent(dimension:)`` of that dimension.
///   - step: the step.
public func appendToCache(latents: Rows, cache: StateHandle, _ step: borrowing Step) {
  appendToCache(latents: latents, cache: cache, step) { _ in true }
}

/// The same for the tokens at wanted positions of their sequences.
func appendToCache(
  latents: Rows, cache: StateHandle, _ step: borrowing Step, where isWanted: (_ position: Int) -> Bool
) {
  step.store.layout.expect(.latent(dimension: latents.columns), at: cache)
  step.checkRows(latents.count)
  let layout = PageLayout(headDimension: latents.columns, isLatent: true, step.store)
  let pack = unsafe layout.pack
  unsafe forEachToken(in: cache, step, where: isWanted) { row, page, token in
    unsafe pack(
      page + layout.key(head: 0, token: token), latents.base + row * latents.stride, latents.columns)
  }
}

/// Calls `body` for the rows of the step at wanted positions, with the page of a row's token and the token's place in the page.
private func forEachToken(
  in cache: StateHandle, _ step: borrowing Step, where isWanted: (_ position: Int) -> Bool = { _ in true },
  _ body: (_ row: Int, _ page: UnsafeMutableRawPointer, _ token: Int) -> Void
) {
  let pageTokens = step.store.pageTokens
  for run in step.plan.runs {
    unsafe forEachRow(run.tokens.count, step) { index in
      let position = run.position + index
      guard isWanted(position) else { return }
      let page = unsafe step.page(position / pageTokens, of: run, in: cache)
      unsafe body(run.tokens.lowerBound + index, page, position % pageTokens)
    }
  }
}

/// Causal attention of every row over its sequence's pages, which hold the row's own key and value already.
///
/// Scores of a block of keys are folded into a running maximum, sum and weighted value (online softmax: Milakov &
/// Gimelshein 2018, arXiv 1805.02867), so that memory does not grow with the context. All query heads that share a
/// key head are computed together and read the cache once.
///
/// - Parameters:
///   - queries: `[step rows × queryHeads · headDimension]`, after rotation.
///   - queryHeads: the number of heads of queries.
///   - heads: the number of heads of keys and values, which divides `queryHeads`.
///   - headDimension: the width of a head.
///   - scale: the factor on scores.
///   - cap: the bound that scores are held within, `cap · tanh(score / cap)` (Gemma 2, arXiv 2408.00118, §2); `nil` for none.
///   - sinks: for each query head, the score of a key without a value that every row sees (gpt-oss, arXiv 2508.10925,
///     §2.3); `nil` for none.
///   - rowSinks: the same of each row, `[step rows × queryHeads]`, in place of `sinks`; `nil` for none.
///   - biases: what is added to scores by the distance of the key, before they are held within a cap: profiles, and for each
///     query head their weights, `[step rows × queryHeads · profiles]`; `nil` for nothing.
///   - cache: state of the kind ``StateKind/paged(heads:headDimension:)`` of the same sizes; see
///     ``appendToCache(keys:values:heads:headDimension:cache:_:)``. Where it has a window, rows see no tokens before theirs.
///   - out: the same shape as `queries`, overwritten.
///   - step: the step.
public func attend(
  queries: Rows, queryHeads: Int, heads: Int, headDimension: Int, scale: Float, cap: Float? = nil,
  sinks: [Float]? = nil, rowSinks: Rows? = nil, biases: (profiles: DistanceProfiles, weights: Rows)? = nil,
  cache: StateHandle,
  into out: inout MutableRows, _ step: borrowing Step
) {
  step.store.layout.expect(.paged(heads: heads, headDimension: headDimension), at: cache)
  precondition(cap.map { $0 > 0 } ?? true, "scores within \(cap ?? 0)")
  precondition(sinks.map { $0.count == queryHeads } ?? true, "\(sinks?.count ?? 0) sinks for \(queryHeads) heads")
  precondition(queryHeads % heads == 0, "\(queryHeads) query heads for \(heads) key heads")
  precondition(queries.columns == queryHeads * headDimension && out.columns == queries.columns, "\(queries.columns)")
  let shape = AttentionShape(
    heads: heads, group: queryHeads / heads, valueDimension: headDimension, scale: scale,
    pages: PageLayout(headDimension: headDimension, isLatent: false, step.store),
    window: step.store.layout.windows[cache.index], cap: cap ?? 0, sinks: sinks ?? [],
    profiles: biases?.profiles)
  attend(queries, shape, weights: biases?.weights, sinks: rowSinks, cache, into: &out, step) { _, _ in true }
}

/// Causal attention over latent rows, each of which is the key of all heads and, with its first elements, their value.
///
/// - Parameters:
///   - queries: `[step rows × queryHeads · dimension of a row]`.
///   - queryHeads: the number of heads of queries.
///   - scale: the factor on scores.
///   - cache: state of the kind ``StateKind/latent(dimension:)``; see ``appendToCache(latents:cache:_:)``.
///   - out: `[step rows × queryHeads · dimension of a value]`, overwritten.
///   - step: the step.
public func attendToLatents(
  queries: Rows, queryHeads: Int, scale: Float, cache: StateHandle, into out: inout MutableRows,
  _ step: borrowing Step
) {
  attendToLatents(queries: queries, queryHeads: queryHeads, scale: scale, sinks: [], cache: cache, into: &out, step) {
    _, _ in true
  }
}

/// The same for the rows of segments that are wanted; others are left as they are.
func attendToLatents(
  queries: Rows, queryHeads: Int, scale: Float, sinks: [Float], cache: StateHandle, into out: inout MutableRows,
  _ step: borrowing Step, where isWanted: (Run, RunSegment) -> Bool
) {
  precondition(queryHeads > 0, "\(queryHeads) heads")
  let (dimension, valueDimension) = (queries.columns / queryHeads, out.columns / queryHeads)
  step.store.layout.expect(.latent(dimension: dimension), at: cache)
  precondition(
    queries.columns == queryHeads * dimension && out.columns == queryHeads * valueDimension
      && valueDimension <= dimension, "\(queries.columns) and \(out.columns) columns for \(queryHeads) heads")
  let group = latentGroup(of: queryHeads)
  let shape = AttentionShape(
    heads: queryHeads / group, group: group, valueDimension: valueDimension, scale: scale,
    pages: PageLayout(headDimension: dimension, isLatent: true, step.store), sinks: sinks)
  attend(queries, shape, cache, into: &out, step, where: isWanted)
}

/// The number of heads that meet latent rows together. All heads could be one group, but then one sequence would be work for one
/// thread. By the number of heads alone, so that results depend on nothing else.
func latentGroup(of heads: Int) -> Int { (1...min(32, max(1, heads / 2))).last { heads % $0 == 0 } ?? 1 }

/// Attention of the rows of segments that are wanted; others are left as they are. `weights` are those of the shape's profiles,
/// and `sinks` of each row and head the score of a key without a value.
func attend(
  _ queries: Rows, _ shape: AttentionShape, weights: Rows? = nil, sinks: Rows? = nil, _ cache: StateHandle,
  into out: inout MutableRows, _ step: borrowing Step, where isWanted: (Run, RunSegment) -> Bool
) {
  step.checkRows(queries.count)
  step.checkRows(out.count)
  let profiles = shape.profiles?.count ?? 0
  if let weights { step.checkRows(weights.count) }
  precondition(
    weights?.columns ?? 0 == shape.heads * shape.group * profiles,
    "\(weights?.columns ?? 0) weights of \(profiles) profiles")
  let (weightBase, weightStride) = unsafe (weights?.base, weights?.stride ?? 0)
  if let sinks {
    step.checkRows(sinks.count)
    precondition(sinks.columns == shape.heads * shape.group && shape.sinks.isEmpty, "sinks of \(sinks.columns) heads")
  }
  let (sinkBase, sinkStride) = unsafe (sinks?.base, sinks?.stride ?? 0)
  for run in step.plan.runs {
    step.report.work.addAttention(
      rows: run.tokens.count, keys: run.position + run.tokens.count, window: shape.window,
      width: queries.columns + out.columns,
      cacheBytesPerToken: step.store.layout.kinds[cache.index].bytesPerToken(step.store.kvType))
  }
  let heads = shape.heads
  step.scoped {
    let workspace = step.take(rows: step.team.count, columns: shape.workspaceCount)
    let plan = AttentionPlan(shape, step, isWanted: isWanted)
    let parts = unsafe step.scratch.take(
      heads * AttentionSums.storedCount(rows: plan.partRows, headDimension: shape.headDimension), of: Float.self)
    unsafe step.team.forEach(plan.count * heads) { index, worker in
      // Later rows have more keys: begin with them, so that the last item to end is a small one.
      let item = plan[plan.count - 1 - index / heads]
      let run = step.plan.runs[item.run]
      let head = index % heads
      let row = run.tokens.lowerBound + item.first
      let sums = unsafe shape.attend(
        queries: queries.base + row * queries.stride + head * shape.group * shape.headDimension,
        queryStride: queries.stride,
        weights: weightBase.map { unsafe $0 + row * weightStride + head * shape.group * profiles },
        weightStride: weightStride,
        rowSinks: sinkBase.map { unsafe $0 + row * sinkStride + head * shape.group }, sinkStride: sinkStride,
        rows: item.rows, position: run.position + item.first, keys: item.keys,
        areFirst: item.part == 0, head: head,
        page: { unsafe step.page($0, of: run, in: cache) },
        workspace: workspace.base + worker * workspace.stride)
      if item.parts > 1 {
        unsafe sums.copy(rows: item.rows * shape.group, to: shape.part(of: item, head: head, in: parts))
      } else {
        unsafe shape.write(sums, rows: item.rows, head: head, to: out.base + row * out.stride, stride: out.stride)
      }
    }
    guard plan.partRows > 0 else { return }
    unsafe step.team.forEach(plan.count * heads) { index, _ in
      let (item, head) = (plan[index / heads], index % heads)
      // The first part of a run puts all of them together.
      guard item.parts > 1, item.part == 0 else { return }
      let sums = unsafe shape.part(of: item, head: head, in: parts)
      for next in index / heads + 1..<index / heads + item.parts {
        let other = unsafe shape.part(of: plan[next], head: head, in: parts)
        for row in 0..<item.rows * shape.group { unsafe sums.add(other, row: row) }
      }
      let row = step.plan.runs[item.run].tokens.lowerBound + item.first
      unsafe shape.write(sums, rows: item.rows, head: head, to: out.base + row * out.stride, stride: out.stride)
    }
  }
}
