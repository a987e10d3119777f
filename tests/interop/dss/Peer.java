// EU DSS judges our containers by its default policy. Run by tests/interop/run from the source.
//
//   Peer DIR CONTAINER...   a line for each signature: "TOTAL_PASSED XAdES-BASELINE-LT stamps=PASSED warnings=0 CONTAINER"
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import java.io.File;
import java.util.stream.Collectors;

public class Peer {
  public static void main(String[] args) throws Exception {
    CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
    trusted.addCertificate(DSSUtils.loadCertificate(new File(args[0], "authority.pem")));
    trusted.addCertificate(DSSUtils.loadCertificate(new File(args[0], "stamper.pem")));
    for (int i = 1; i < args.length; ++i) {
      CommonCertificateVerifier verifier = new CommonCertificateVerifier();
      verifier.setTrustedCertSources(trusted);
      verifier.setAIASource(null);
      File file = new File(args[i]);
      try {
        SignedDocumentValidator validator = SignedDocumentValidator.fromDocument(new FileDocument(file));
        validator.setCertificateVerifier(verifier);
        SimpleReport report = validator.validateDocument().getSimpleReport();
        for (String id : report.getSignatureIdList()) {
          String stamps = report.getSignatureTimestamps(id).stream().map(t -> t.getIndication().name())
              .collect(Collectors.joining(","));
          System.out.println(report.getIndication(id) + " " + report.getSignatureFormat(id) + " stamps=" + stamps
              + " warnings=" + report.getAdESValidationWarnings(id).size() + " " + file.getName() + " "
              + report.getSubIndication(id) + " "
              + report.getAdESValidationErrors(id).stream().map(m -> m.getValue()).collect(Collectors.joining("; "))
              + report.getAdESValidationWarnings(id).stream().map(m -> m.getValue()).collect(Collectors.joining("; ")));
        }
      } catch (Exception e) {
        System.out.println("ERROR - stamps= warnings=0 " + file.getName() + " " + e);
      }
    }
  }
}
