#include "server/auth/tls.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/auth/file.h"
#include "server/runtime/log.h"
#include "sync/mutex.h"

namespace warren::auth {
namespace {

using runtime::Log;
using runtime::LogCategory;
using runtime::LogLevel;

constexpr size_t kMaxFileBytes = size_t{1} << 20;

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

Bio Memory(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// A key that asks for a pass phrase has none here.
int NoPassphrase(char*, int, int, void*) { return 0; }

Certificate NextCertificate(BIO* pem) {
  return Certificate(PEM_read_bio_X509(pem, nullptr, NoPassphrase, nullptr));
}

absl::StatusOr<int64_t> ExpiryOf(const X509* certificate) {
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) {
    return absl::InvalidArgumentError("a certificate's end can't be read");
  }
  return static_cast<int64_t>(timegm(&end));
}

// What the files say at one time.
struct Identity {
  std::string certificate;
  std::string key;
  std::string client_ca;
  int64_t expires_at = 0;
};

absl::StatusOr<Identity> Read(const TlsFiles& files) {
  Identity identity;
  for (const auto& [path, text] : {std::pair(&files.certificate, &identity.certificate),
                                   std::pair(&files.key, &identity.key),
                                   std::pair(&files.client_ca, &identity.client_ca)}) {
    if (path->empty()) continue;
    auto content = ReadFile(*path, kMaxFileBytes);
    if (!content.ok()) return content.status();
    *text = *std::move(content);
  }
  const auto expires_at = CheckCertificate(identity.certificate, identity.key);
  if (!expires_at.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(files.certificate, ", ", files.key, ": ",
                                                   expires_at.status().message()));
  }
  if (*expires_at <= std::time(nullptr)) {
    return absl::InvalidArgumentError(absl::StrCat(files.certificate, ": it has expired"));
  }
  identity.expires_at = *expires_at;
  if (!files.client_ca.empty() && NextCertificate(Memory(identity.client_ca).get()) == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(files.client_ca, ": no certificate in PEM"));
  }
  return identity;
}

grpc_ssl_client_certificate_request_type RequestType(const TlsFiles& files) {
  if (files.client_ca.empty()) return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
  switch (files.client_certificates) {
    case ClientCertificates::kNone:
      return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
    case ClientCertificates::kOptional:
      return GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
    case ClientCertificates::kRequired:
      break;
  }
  return GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
}

// gRPC's C library asks for certificates at each handshake; its C++ interface has no way to answer.
class ReloadingCredentials final : public grpc::ServerCredentials {
 public:
  ReloadingCredentials(TlsFiles files, Stats& stats)
      : files_(std::move(files)),
        stats_(stats),
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(RequestType(files_),
                                                                            &Fetch, this))) {}
  ~ReloadingCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  using Marks = std::array<FileMark, 3>;

  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<ReloadingCredentials*>(self)->Refresh(config);
  }

  Marks MarksNow() const {
    return {MarkOf(files_.certificate), MarkOf(files_.key), MarkOf(files_.client_ca)};
  }

  grpc_ssl_certificate_config_reload_status Refresh(grpc_ssl_server_certificate_config** config) {
    const MutexLock lock(mutex_);
    const Marks now = MarksNow();
    if (now == marks_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const bool first = marks_ == Marks{};
    marks_ = now;
    const absl::StatusOr<Identity> identity = Read(files_);
    if (!identity.ok()) {
      const absl::string_view why = identity.status().message();
      Log(LogCategory::kAuth, LogLevel::kError,
          "certificates can't be read anew; those from before count",
          {{"reason", std::string(why.data(), why.size())}});
      return first ? GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL
                   : GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    }
    stats_.certificate_expires_at = identity->expires_at;
    if (!first) {
      Log(LogCategory::kAuth, LogLevel::kInfo, "read anew", {{"file", files_.certificate}});
    }
    const grpc_ssl_pem_key_cert_pair pair{identity->key.c_str(), identity->certificate.c_str()};
    // gRPC asserts that there are authorities, although it asks no client for a certificate then.
    const std::string& authorities =
        identity->client_ca.empty() ? identity->certificate : identity->client_ca;
    *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const TlsFiles files_;
  Stats& stats_;
  Mutex mutex_;
  Marks marks_ WARREN_GUARDED_BY(mutex_);
  grpc_server_credentials* const credentials_;
};

}  // namespace

absl::StatusOr<int64_t> CheckCertificate(const std::string& chain, const std::string& key) {
  const Bio pem = Memory(chain);
  const Certificate leaf = NextCertificate(pem.get());
  if (leaf == nullptr) return absl::InvalidArgumentError("no certificate in PEM");
  const Key private_key(
      PEM_read_bio_PrivateKey(Memory(key).get(), nullptr, NoPassphrase, nullptr));
  if (private_key == nullptr) {
    return absl::InvalidArgumentError("no private key in PEM without pass phrase");
  }
  if (X509_check_private_key(leaf.get(), private_key.get()) != 1) {
    return absl::InvalidArgumentError("the key is not the certificate's");
  }
  auto first = ExpiryOf(leaf.get());
  while (first.ok()) {
    const Certificate next = NextCertificate(pem.get());
    if (next == nullptr) break;
    const auto expiry = ExpiryOf(next.get());
    first = expiry.ok() ? std::min(*first, *expiry) : expiry;
  }
  return first;
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeTlsCredentials(TlsFiles files,
                                                                            Stats& stats) {
  const absl::StatusOr<Identity> identity = Read(files);
  if (!identity.ok()) return identity.status();
  stats.certificate_expires_at = identity->expires_at;
  return std::make_shared<ReloadingCredentials>(std::move(files), stats);
}

}  // namespace warren::auth
