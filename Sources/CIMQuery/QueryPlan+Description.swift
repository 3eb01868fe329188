import CIM

extension QueryPlan: CustomStringConvertible {
    /// The plan in words, one line each: who is asked for what, and what is filtered where.
    public var lines: [String] {
        var lines: [String] = []
        for step in steps {
            lines.append(step.line(of: step.request))
            for fallback in step.fallbacks {
                lines.append("  if it is not capable: \(step.shortLine(of: fallback)), filter here")
                if case .get = fallback { lines.append("    (not at once: other keys may differ from that one in case alone)") }
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

extension QueryPlan.Step {
    fileprivate func line(of request: QueryPlan.Request) -> String {
        let who = source.who
        switch request {
        case .get, .enumerate: return "\(shortLine(of: request)) from \(who)"
        case .query(let query): return "send to \(who): \(query)"
        case .notCapable: return "\(who) can neither enumerate nor query \(source.declaration.name): ProviderNotCapable"
        }
    }

    fileprivate func shortLine(of request: QueryPlan.Request) -> String {
        switch request {
        case .get(let path): "get \(path.relativePath)"
        case .query(let query): "\(query)"
        case .enumerate, .notCapable: "enumerate \(source.declaration.name)"
        }
    }
}
