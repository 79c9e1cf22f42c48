// Carries definitions out against a broker: compares each with what is there, makes what isn't, and
// tells what became of it.
//
// In parts, so that a large document holds nobody up: GoOn until it has asked for everything, then
// wait for the answers. What a part asks for is there for the next one at once, since the core
// decides in order; that it is durable comes with the answers.
//
// Loop thread only; the Api must outlive it.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/api/call.h"
#include "server/api/definitions/document.h"
#include "server/api/definitions/export.h"
#include "server/core/command.h"
#include "server/runtime/log.h"
#include "server/runtime/sinks.h"

namespace warren::api {

struct ImportOptions {
  bool dry_run = false;     // only tell
  bool tell_extra = false;  // also tell what is in the broker alone
  // Called on each answer. Null: nobody waits.
  std::function<void()> on_answer = nullptr;
};

class Import {
 public:
  Import(Document document, Api& api, ImportOptions options);
  ~Import();
  Import(const Import&) = delete;
  Import& operator=(const Import&) = delete;

  // Goes on with it; whether that was all.
  bool GoOn();
  // Whether all has been answered. REQUIRES: GoOn said that it was all.
  bool answered() const { return outstanding_ == 0; }

  // What an operator should hear of it so far, a line each: conflicts, failures, what doesn't apply.
  std::vector<std::pair<runtime::LogLevel, std::string>> Troubles() const;

  // What became of it. REQUIRES: answered().
  v1::ImportDefinitionsResponse TakeResponse() { return std::move(response_); }

 private:
  // The answer to one command.
  class Answer final : public runtime::CallSink {
   public:
    Answer(Import& import, int result) : import_(import), result_(result) {}
    void OnReplied(core::Replied reply) override { import_.Answered(*this, reply.status); }

    core::RequestId request;

   private:
    friend class Import;
    Import& import_;
    const int result_;  // its index in the response
  };

  // What one object of the document is about.
  struct Name {
    const char* kind;
    std::string virtual_host;
    std::string name;
  };

  // Looks at the next object of the document; false if there is none.
  bool One();
  void VirtualHost(const std::string& name);
  void Limits(const v1::SetVirtualHostLimitsRequest& wanted);
  // An exchange or queue, whose options can't change; `current`: null if it isn't there.
  template <typename Command, typename Request, typename Options>
  void Declared(const char* kind, const Request& wanted, const absl::StatusOr<Options>& options,
                const Options* current);
  void Exchange(const v1::DeclareExchangeRequest& wanted);
  void Queue(const v1::DeclareQueueRequest& wanted);
  void Binding(const v1::BindRequest& wanted);
  void Policy(const v1::Policy& wanted);
  void User(const v1::PutUserRequest& wanted);
  void Permissions(const v1::SetPermissionsRequest& wanted);

  // Goes on with telling what is in the broker alone; whether that was all.
  bool Extra();

  void Unchanged() { response_.set_unchanged(response_.unchanged() + 1); }
  v1::DefinitionResult& Tell(const Name& object, v1::DefinitionChange change,
                             std::string_view detail = "");
  // Tells of it, and has it carried out unless it is only to be told.
  void Carry(const Name& object, v1::DefinitionChange change, core::Command command);
  void Answered(Answer& answer, const absl::Status& status);

  Api& api_;
  runtime::Loop& loop_;
  const ImportOptions options_;
  Document document_;
  v1::ImportDefinitionsResponse response_;
  int list_ = 0;   // of the document's lists, in the order in which they depend on one another
  int index_ = 0;  // in that list
  Export export_{""};  // to tell what is in the broker alone
  std::deque<Answer> answers_;  // they stay where they are
  size_t outstanding_ = 0;
};

}  // namespace warren::api
