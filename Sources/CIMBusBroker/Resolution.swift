import CIM
import CIMBusCore
import CIMBusWire
import CIMQuery

/// What becomes of a request, as ``Resolver`` finds it.
enum Resolution: Sendable {
    /// The arguments are wrong: the call itself fails, and no operation begins (Semantics A.5; R54, R111).
    case refused(CIMError)
    /// The operation ends at once: with a failure that belongs in the sink (A.5), or with objects that the broker itself has.
    case answered(Outcome, Question, OwnObjects = .none)
    /// One provider is asked, and what it says is the answer.
    case ask(RegistrationID, Question)
    /// The broker carries it out: in what is stored, or by asking several providers.
    case conducted(Work, Question)
    /// The client wants events, as they come.
    case subscribed(EventQuery, Question)
}

/// Objects of an answer that the broker itself gives. They are not on the wire yet.
enum OwnObjects: Sendable {
    case none
    case declaration(CIMClass)
    /// Of a class what it takes to read its instances.
    case shape(CIMClass)
    case instances([CIMInstance])
}

/// What is asked, in the canonical form in which a provider gets it, and what the objects that answer must be.
struct Question: Sendable {
    /// What the operation is about, for people; the same as the `Target` of `org.cimbus1.Operation`. Empty: as the client said it.
    var subject = ""
    /// The path, the class or the query.
    var path = ""
    /// The path as a value, where it is an instance's.
    var instance: CIMObjectPath?
    var method = ""
    /// A put's instance, or a method's in parameters: checked against the class.
    var input = ObjectBatch()
    /// A put's path, as far as the instance's keys say it.
    var putPath = ""
    /// What the provider is asked for, if it is not the operation itself: a query may be an enumeration to it.
    var providerKind: Request.Kind?
    /// What the objects must be; nil where the client would see none.
    var expectation: ObjectChecker.Expectation?
    /// What becomes of the objects on their way to the client; nil: nothing.
    var filter: RowFilter?
}
