// What telling and clearing costs in a call.
#include <benchmark/benchmark.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "egov/population/v1/population_service.pb.h"
#include "libs/disclosure/contract.h"

namespace egov::disclosure {
namespace {

namespace pop = egov::population::v1;

std::unique_ptr<const Contract> Of(const char* method) {
  const auto* service =
      pop::GetPersonRequest::descriptor()->file()->FindServiceByName("PopulationService");
  return std::move(*Contract::Compile(service->FindMethodByName(method)));
}

void ReleaseOfAPerson(benchmark::State& state) {
  const auto contract = Of("GetPerson");
  pop::GetPersonResponse full;
  pop::Person* person = full.mutable_person();
  person->mutable_identifier()->set_scheme("ee-isikukood");
  person->mutable_identifier()->set_value("38001085718");
  for (const char* text : {"Mari", "Maasikas"}) {
    if (person->names_size() == 0) person->add_names()->set_script("Latn");
    person->mutable_names(0)->add_parts()->set_text(text);
  }
  person->set_sex(pop::SEX_FEMALE);
  person->mutable_birth()->mutable_date()->set_year(1980);
  person->mutable_birth()->set_place("Tallinn");
  person->mutable_residence()->set_country("EE");
  person->add_parents()->mutable_identifier()->set_value("1");
  // Without the item of the name, which is looked for in every round.
  std::vector<std::string> items = contract->items();
  if (state.range(0) == 1)
    items.erase(std::find(items.begin(), items.end(), "population.person.name"));
  pop::GetPersonResponse answer = full;
  std::vector<Subject> subjects;
  for (auto _ : state) {
    subjects.clear();
    contract->Release(items, "", &answer, &subjects);
    benchmark::DoNotOptimize(subjects.data());
  }
}
BENCHMARK(ReleaseOfAPerson)->Arg(0)->Arg(1);

void AskedAboutOnePerson(benchmark::State& state) {
  const auto contract = Of("GetPerson");
  pop::GetPersonRequest request;
  request.mutable_identifier()->set_scheme("ee-isikukood");
  request.mutable_identifier()->set_value("38001085718");
  std::vector<Subject> subjects;
  for (auto _ : state) {
    subjects.clear();
    contract->AskedAbout(request, &subjects);
  }
}
BENCHMARK(AskedAboutOnePerson);

void Parse500000Codes(benchmark::State& state) {
  const auto contract = Of("VerifyVitalStatus");
  pop::VerifyVitalStatusRequest request;
  request.set_scheme("ee-isikukood");
  for (int i = 0; i < 500000; ++i) request.add_codes(absl::StrCat(38001080000 + i));
  const std::string bytes = request.SerializeAsString();
  std::vector<Subject> subjects;
  for (auto _ : state) {
    pop::VerifyVitalStatusRequest parsed;
    subjects.clear();
    contract->Parse(bytes, &parsed, &subjects);
    benchmark::DoNotOptimize(subjects.data());
  }
}
BENCHMARK(Parse500000Codes)->Unit(benchmark::kMillisecond);

void ReleaseOf25000Deceased(benchmark::State& state) {
  const auto contract = Of("VerifyVitalStatus");
  pop::VerifyVitalStatusResponse answer;
  for (int i = 0; i < 25000; ++i) {
    pop::Deceased* one = answer.add_deceased();
    one->set_code(absl::StrCat(38001080000 + i));
    one->mutable_death_date()->set_year(2020);
  }
  for (auto _ : state) {
    std::vector<Subject> subjects;
    contract->Release(contract->items(), "ee-isikukood", &answer, &subjects);
    benchmark::DoNotOptimize(subjects.data());
  }
}
BENCHMARK(ReleaseOf25000Deceased)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace egov::disclosure

BENCHMARK_MAIN();
