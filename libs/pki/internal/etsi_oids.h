// Object identifiers of ETSI EN 319 411 and 319 412.
#ifndef EGOV_LIBS_PKI_INTERNAL_ETSI_OIDS_H_
#define EGOV_LIBS_PKI_INTERNAL_ETSI_OIDS_H_

namespace egov::pki::internal {

// Certificate policies, EN 319 411-1 section 5.3 and 319 411-2 section 5.3.
inline constexpr char kNcp[] = "0.4.0.2042.1.1";
inline constexpr char kNcpPlus[] = "0.4.0.2042.1.2";  // the key is in a device
inline constexpr char kQcpNatural[] = "0.4.0.194112.1.0";
inline constexpr char kQcpLegal[] = "0.4.0.194112.1.1";
inline constexpr char kQcpNaturalDevice[] = "0.4.0.194112.1.2";
inline constexpr char kQcpLegalDevice[] = "0.4.0.194112.1.3";

// Statements, EN 319 412-5 section 4.
inline constexpr char kQcCompliance[] = "0.4.0.1862.1.1";
inline constexpr char kQcDevice[] = "0.4.0.1862.1.4";  // QcSSCD
inline constexpr char kQcDisclosure[] = "0.4.0.1862.1.5";
inline constexpr char kQcType[] = "0.4.0.1862.1.6";
inline constexpr char kQcTypeSignature[] = "0.4.0.1862.1.6.1";
inline constexpr char kQcTypeSeal[] = "0.4.0.1862.1.6.2";
// RFC 3739 section 3.2.6.1, with the semantics of EN 319 412-1 section 5.1.
inline constexpr char kQcSyntax[] = "1.3.6.1.5.5.7.11.2";
inline constexpr char kSemanticsNatural[] = "0.4.0.194121.1.1";
inline constexpr char kSemanticsLegal[] = "0.4.0.194121.1.2";

inline constexpr char kQcStatements[] = "1.3.6.1.5.5.7.1.3";
inline constexpr char kOrganizationIdentifier[] = "2.5.4.97";
inline constexpr char kDateOfBirth[] = "1.3.6.1.5.5.7.9.1";
inline constexpr char kClientAuth[] = "1.3.6.1.5.5.7.3.2";
inline constexpr char kCps[] = "1.3.6.1.5.5.7.2.1";
inline constexpr char kDirectoryAttributes[] = "2.5.29.9";
inline constexpr char kCertificatePolicies[] = "2.5.29.32";
inline constexpr char kAlternativeName[] = "2.5.29.17";

}  // namespace egov::pki::internal

#endif  // EGOV_LIBS_PKI_INTERNAL_ETSI_OIDS_H_
