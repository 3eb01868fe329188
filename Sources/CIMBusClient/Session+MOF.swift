import CIM
import CIMBusWire
import DBus

extension Session {
    /// Compiles a MOF text into a namespace, all of it or nothing (CompileBuffer). A text over the bus includes no files; `cimctl mof
    /// compile` compiles files.
    ///
    /// The result says what is wrong with the text. This function throws when the broker did not judge the text, or did not answer:
    /// AccessDenied when this user may not write, QuotaViolation for a text of more than 16 MiB, ServerTooBusy while the broker compiles
    /// other texts, TransportFailure (the text may have been stored), and TimedOut. When the task is cancelled, the function throws
    /// CallCancelled, and the broker compiles on.
    /// - Parameter namespace: nil means the session's.
    public func compileMOF(
        _ text: String, namespace: CIMNamespaceName? = nil, options: MOFCompilationOptions = MOFCompilationOptions()
    ) async throws(CIMError) -> MOFCompilation {
        let destination = try link.destination()
        let home = (namespace ?? self.namespace).text
        let message: Message
        do throws(DBusError) {
            message = try Message.methodCall(
                destination: destination, path: Contract.rootPath, interface: Contract.mofCompiler,
                member: MemberName(verified: "CompileBuffer"), flags: .ofCall(interactive: options.allowsInteractiveAuthorization),
                signature: Signature(verified: "ssiii")
            ) { (writer: inout BodyWriter) throws(DBusError) in
                writer.append(string: text)
                writer.append(string: home)
                writer.append(int32: options.checkOnly ? 1 : 0)
                writer.append(int32: options.classFlags.rawValue)
                writer.append(int32: options.instanceFlags.rawValue)
            }
        } catch {
            throw CIMError(transport: error)
        }
        defer { if !options.checkOnly { link.classes.forgetAll() } }
        let reply = try await send(message, timeout: options.timeout)
        guard reply.hasSignature("iuiiis") else { throw .unexpected(reply, to: "CompileBuffer") }
        do {
            var reader = reply.reader
            return try Self.compilation(&reader)
        } catch {
            throw CIMError(undecodable: error, what: "the result of CompileBuffer")
        }
    }

    private static func compilation(_ reader: inout BodyReader) throws -> MOFCompilation {
        let phase = MOFCompilation.Failure.Phase(rawValue: try reader.readInt32())
        let status = WBEMStatus(rawValue: try reader.readUInt32())
        let declaration = Int(try reader.readInt32())
        let first = Int(try reader.readInt32())
        let last = Int(try reader.readInt32())
        let message = try reader.readString()
        if status.isSuccess {
            return MOFCompilation(warnings: message.split(separator: "\n").map(String.init))
        }
        return MOFCompilation(
            warnings: [],
            failure: MOFCompilation.Failure(
                phase: phase ?? .store, status: status, declaration: declaration > 0 ? declaration : nil,
                firstLine: first > 0 ? first : nil, lastLine: first > 0 ? max(first, last) : nil, message: message))
    }
}
