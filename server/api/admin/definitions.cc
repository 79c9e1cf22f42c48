// ExportDefinitions, ImportDefinitions.
#include <grpcpp/support/async_unary_call.h>

#include <optional>
#include <string>
#include <utility>

#include "server/api/admin/import.h"
#include "server/api/convert/error.h"
#include "server/api/definitions/export.h"
#include "server/api/handlers.h"
#include "server/api/look.h"
#include "server/runtime/log.h"

namespace warren::api {
namespace {

class ExportDefinitions {
 public:
  using Request = v1::ExportDefinitionsRequest;
  using Response = v1::ExportDefinitionsResponse;
  static constexpr auto kRequest = &RawAdminService::RequestExportDefinitions;

  absl::Status Begin(const Caller& caller, Request& request, Response&) {
    if (absl::Status s = caller.access.MustHave(auth::Tag::kAdministrator); !s.ok()) return s;
    export_.emplace(request.virtual_host());
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Continue(const Caller& caller, Response& response) {
    if (!export_->GoOn(caller.broker())) return false;
    response.set_json(WriteDefinitions(export_->TakeDefinitions()));
    return true;
  }

 private:
  std::optional<Export> export_;
};

// Is neither one command nor a look: it asks for much, and waits until that is durable.
class ImportCall final : public Call {
 public:
  static runtime::Task Serve(Api& api, runtime::RpcCells& rpc) {
    ImportCall call(api, rpc);
    const bool arrived = co_await runtime::Operation([&](void* tag) {
      api.admin.RequestImportDefinitions(&call.context(), &call.request_, &call.responder_,
                                         &api.queue, &api.queue, tag);
    });
    if (!arrived) co_return;
    Serve(api, rpc).Detach();
    co_await call.Arrived();
    call.Begin();
    while (call.MayGoOn() && !call.import_->GoOn()) {
      co_await runtime::NextTurn(api.loop.ready());
    }
    while (call.MayGoOn() && !call.import_->answered()) co_await call.wake_.Wait();
    co_await runtime::Operation([&](void* tag) { call.Finish(tag); });
    while (!call.gone()) co_await call.over().Wait();
  }

 private:
  ImportCall(Api& api, runtime::RpcCells& rpc)
      : Call(api, rpc), responder_(&context()), wake_(api.loop.ready()) {}
  ~ImportCall() = default;

  void Begin() {
    status_ = denied();
    if (status_.ok()) status_ = loop().shutdown().stopping();
    if (status_.ok()) status_ = access()->MustHave(auth::Tag::kAdministrator);
    v1::ImportDefinitionsRequest request;
    if (status_.ok()) status_ = Parse(request_, request);
    request_.Clear();
    if (!status_.ok()) return;
    auto document = ReadDefinitions(request.json(), request.virtual_host());
    if (!document.ok()) {
      status_ = document.status();
      return;
    }
    import_.emplace(*std::move(document), api(),
                    ImportOptions{.dry_run = request.dry_run(),
                                  .tell_extra = request.tell_extra(),
                                  .on_answer = [this] { wake_.Set(); }});
    if (request.dry_run()) return;
    runtime::Log(runtime::LogCategory::kAuth, runtime::LogLevel::kInfo, "definitions are imported",
                 {{"user", access()->user_name()}, {"connection", context().peer()}});
  }

  // Who was let in at its begin may see it through: the users that it makes may close the door.
  bool MayGoOn() const { return import_.has_value() && !gone() && stopped().ok(); }

  void Finish(void* tag) {
    if (status_.ok()) status_ = stopped();
    if (status_.ok() && gone()) status_ = absl::CancelledError("the client has gone");
    if (absl::IsPermissionDenied(status_)) NoteRefusal(status_, true);
    Answered(status_.code());
    if (status_.ok()) {
      responder_.Finish(Serialize(import_->TakeResponse()), grpc::Status::OK, tag);
    } else {
      responder_.FinishWithError(ToGrpcStatus(status_), tag);
    }
  }

  void Wake() override { wake_.Set(); }

  grpc::ByteBuffer request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_;
  runtime::Event wake_;
  std::optional<Import> import_;
  absl::Status status_;
};

}  // namespace

void ServeAdminDefinitions(Api& api) {
  ServeLook<ExportDefinitions>(api, "ExportDefinitions");
  ImportCall::Serve(api, CountersOf(api, runtime::RpcType::kUnary, "ImportDefinitions",
                                    v1::AdminService::service_full_name()))
      .Detach();
}

}  // namespace warren::api
