import CIM
import CIMBusWire
import DBus

/// A request to a namespace's Services, in any of the three forms: its subject, its flags and context, and its input.
struct ServicesRequest: Sendable {
    typealias Part = @Sendable (inout BodyWriter) -> Void

    /// The name of the method, without the suffix of a form.
    let member: String
    /// The signature of the arguments that all forms have.
    let signature: String
    let options: OperationOptions
    private let flags: OperationFlags
    private let subject: Part
    private let input: Part?

    /// - Parameter flags: beside those of the options.
    private init(
        _ member: String, _ subjectSignature: String, _ options: OperationOptions, _ flags: OperationFlags = [],
        inputSignature: String = "", input: Part? = nil, subject: @escaping Part
    ) {
        self.member = member
        signature = subjectSignature + "ia{sv}" + inputSignature
        self.options = options
        self.flags = flags
        self.subject = subject
        self.input = input
    }

    /// - Parameters:
    ///   - asksForProgress: progress is sent only to those who ask (Semantics B.3), and only in the async form.
    ///   - locale: the session's.
    func write(to writer: inout BodyWriter, asksForProgress: Bool = false, locale: CIMLocale? = nil) {
        let flags = asksForProgress && options.onProgress != nil ? flags.union(.sendStatus) : flags
        let locale = options.locale ?? (options.flags.union(flags).contains(.useAmendedQualifiers) ? locale : nil)
        subject(&writer)
        writer.append(options, extraFlags: flags, locale)
        input?(&writer)
    }
}

extension Message.Flags {
    /// Of a call to the broker.
    /// - Parameter interactive: a person may be asked to authorize it.
    static func ofCall(interactive: Bool) -> Message.Flags { interactive ? [.noAutoStart, .allowInteractiveAuthorization] : .noAutoStart }
}

extension ServicesRequest {
    /// - Parameter path: of an instance; or the name of a class.
    static func getObject(_ path: String, _ options: OperationOptions, _ flags: OperationFlags = []) -> Self {
        Self("GetObject", "s", options, flags) { $0.append(string: path) }
    }

    static func putInstance(_ instance: CIMInstance, _ options: OperationOptions, _ flags: OperationFlags = []) -> Self {
        var instance = instance
        // The keys say where it goes.
        instance.path = nil
        let sent = instance
        return Self("PutInstance", "a{sv}", options, flags) { $0.append(instance: sent) }
    }

    static func deleteInstance(_ path: String, _ options: OperationOptions) -> Self {
        Self("DeleteInstance", "s", options) { $0.append(string: path) }
    }

    static func createInstanceEnum(_ className: String, _ options: OperationOptions, _ flags: OperationFlags = []) -> Self {
        Self("CreateInstanceEnum", "s", options, flags) { $0.append(string: className) }
    }

    /// - Parameter superclass: empty: none.
    static func createClassEnum(_ superclass: String, _ options: OperationOptions, _ flags: OperationFlags = []) -> Self {
        Self("CreateClassEnum", "s", options, flags) { $0.append(string: superclass) }
    }

    static func putClass(
        _ declaration: CIMClass, in namespace: CIMNamespaceName, _ options: OperationOptions, _ flags: OperationFlags
    ) -> Self {
        Self("PutClass", "a{sv}", options, flags) { $0.append(class: declaration, namespace: namespace, server: ".") }
    }

    static func deleteClass(_ name: String, _ options: OperationOptions) -> Self {
        Self("DeleteClass", "s", options) { $0.append(string: name) }
    }

    static func execQuery(
        _ query: String, language: String = "WQL", _ options: OperationOptions, _ flags: OperationFlags = []
    ) -> Self {
        Self("ExecQuery", "ss", options, flags) { writer in
            writer.append(string: language)
            writer.append(string: query)
        }
    }

    /// A subscription; it has no synchronous form.
    static func execNotificationQuery(_ query: String, language: String = "WQL", _ options: OperationOptions) -> Self {
        var options = options
        // The broker reports when the sources know the query; but only to who asks.
        options.onProgress = options.onProgress ?? { _ in }
        return Self("ExecNotificationQuery", "ss", options) { writer in
            writer.append(string: language)
            writer.append(string: query)
        }
    }

    static func execMethod(
        _ method: String, at path: String, _ parameters: [String: CIMValue], _ options: OperationOptions
    ) -> Self {
        let input: Part = { writer in
            let object = writer.beginArray(elementAlignment: 8)
            if !parameters.isEmpty { writer.append(.className, .string("__PARAMETERS")) }
            for (name, value) in parameters.sorted(by: { $0.key < $1.key }) { writer.append(entry: name, value) }
            writer.endArray(object)
        }
        return Self("ExecMethod", "ss", options, inputSignature: "a{sv}", input: input) { writer in
            writer.append(string: path)
            writer.append(string: method)
        }
    }
}

extension BodyWriter {
    /// `flags` and `ctx` of every Services call.
    fileprivate mutating func append(_ options: OperationOptions, extraFlags: OperationFlags, _ locale: CIMLocale?) {
        append(int32: options.flags.union(extraFlags).rawValue)
        let context = beginArray(elementAlignment: 8)
        if !options.context.isEmpty { for (name, value) in options.context.sorted(by: { $0.key < $1.key }) { append(entry: name, value) } }
        if let locale, !options.context.keys.contains(where: { CIMName.equal($0, ContextKey.locale) }) {
            append(entry: ContextKey.locale, .string(locale.description))
        }
        if let timeout = options.timeout { append(entry: ContextKey.timeout, .uint64(timeout.wholeMicroseconds)) }
        append(entry: ContextKey.derivedSystemProperties, .boolean(false))
        endArray(context)
    }
}
