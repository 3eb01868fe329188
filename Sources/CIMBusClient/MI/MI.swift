/// The client API of the Management Infrastructure (Semantics F), over the same broker as ``Session``.
///
/// ```swift
/// let application = MI.Application()
/// let session = try await application.newSession()
/// for try await process in session.enumerateInstances(of: "Linux_UnixProcess") { … }
/// ```
///
/// Every function of a session returns an ``MI/Operation`` at once. The client iterates the results of the operation, or pulls them one by
/// one, or gives a callback that gets them. In each way exactly one result has `moreResults` false, and it is the last. The sections below
/// say where each name of `mi.h` is.
public enum MI {}
