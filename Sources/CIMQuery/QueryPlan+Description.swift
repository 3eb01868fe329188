import CIM

extension QueryPlan: CustomStringConvertible {
    /// What goes to whom and what is filtered where, one line each.
    public var lines: [String] {
        var lines: [String] = []
        for step in steps {
            let who = step.source.who
            switch step.request {
            case .get(let path): lines.append("get \(path.relativePath) from \(who)")
            case .query(let query):
                lines.append("send to \(who): \(query)")
                if step.fallback != nil {
                    lines.append("  if it is not capable: enumerate \(step.source.declaration.name), filter here")
                }
            case .enumerate: lines.append("enumerate \(step.source.declaration.name) from \(who)")
            case .notCapable: lines.append("\(who) can neither enumerate nor query \(step.source.declaration.name): ProviderNotCapable")
            }
        }
        if lines.isEmpty {
            lines.append(
                query.condition?.isNeverTrue ?? false ? "nothing is asked: the condition is never true" : "nothing is asked: no source")
            return lines
        }
        if merges { lines.append("merge by key, the most derived class first") }
        if let onlyClass { lines.append("keep objects of class \(onlyClass) itself") }
        if filters, let condition = query.query.condition { lines.append("filter here: \(condition)") }
        if let kept = query.projection.kept {
            lines.append("keep the properties: " + (kept.isEmpty ? "system properties only" : kept.joined(separator: ", ")))
        }
        return lines
    }

    public var description: String { lines.joined(separator: "\n") }
}
