#include "services/population/generator/places.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace egov::population::generator {
namespace {

// county, first postcode, then municipality=hundreds of people; "vald" is left out, towns carry
// "*".
constexpr absl::string_view kCounties[] = {
    "Harju maakond;74000;Tallinn*=4470;Anija=64;Harku=172;Jõelähtme=75;Keila "
    "linn*=105;Kiili=65;Kose=73;Kuusalu=66;"
    "Loksa linn*=25;Lääne-Harju=130;Maardu "
    "linn*=168;Raasiku=52;Rae=240;Saku=111;Saue=252;Viimsi=225",
    "Hiiu maakond;92100;Hiiumaa=85",
    "Ida-Viru maakond;40100;Alutaguse=46;Jõhvi=113;Kohtla-Järve linn*=330;Lüganuse=80;Narva "
    "linn*=530;"
    "Narva-Jõesuu linn*=45;Sillamäe linn*=122;Toila=45",
    "Jõgeva maakond;48100;Jõgeva=132;Mustvee=52;Põltsamaa=95",
    "Järva maakond;72100;Järva=87;Paide linn*=103;Türi=106",
    "Lääne maakond;90100;Haapsalu linn*=128;Lääne-Nigula=68;Vormsi=4",
    "Lääne-Viru maakond;44100;Haljala=41;Kadrina=47;Rakvere "
    "linn*=150;Rakvere=55;Tapa=108;Vinni=67;Viru-Nigula=57;"
    "Väike-Maarja=56",
    "Põlva maakond;63100;Kanepi=46;Põlva=136;Räpina=61",
    "Pärnu maakond;80100;Häädemeeste=50;Kihnu=7;Lääneranna=52;Põhja-Pärnumaa=80;Pärnu "
    "linn*=510;Saarde=44;Tori=118",
    "Rapla maakond;79100;Kehtna=54;Kohila=75;Märjamaa=75;Rapla=131",
    "Saare maakond;93100;Muhu=19;Ruhnu=1;Saaremaa=310",
    "Tartu maakond;60100;Elva=146;Kambja=130;Kastre=55;Luunja=55;Nõo=45;Peipsiääre=54;Tartu "
    "linn*=970;Tartu=120",
    "Valga maakond;67100;Otepää=64;Tõrva=58;Valga=155",
    "Viljandi maakond;70100;Mulgi=73;Põhja-Sakala=77;Viljandi linn*=172;Viljandi=135",
    "Võru maakond;65100;Antsla=44;Rõuge=53;Setomaa=32;Võru linn*=121;Võru=107"};

constexpr absl::string_view kDistricts =
    "Haabersti linnaosa;Kesklinna linnaosa;Kristiine linnaosa;Lasnamäe linnaosa;Mustamäe "
    "linnaosa;Nõmme linnaosa;"
    "Pirita linnaosa;Põhja-Tallinna linnaosa";
constexpr absl::string_view kStreets =
    "Aia tn;Aianduse tee;Akadeemia tee;Allika tn;Anne tn;Aru tn;Ehitajate tee;Haava tn;Heina "
    "tn;Herne tn;Ilmarise tn;"
    "Jaama tn;Jakobsoni tn;Jõe tn;Järve tn;Kadaka pst;Kalda tn;Kalevi tn;Kalmistu tee;Kase "
    "tn;Kastani tn;Kesk tn;Keskuse tn;"
    "Kevade tn;Kiriku tn;Kivi tn;Kooli tn;Koidu tn;Kreutzwaldi tn;Kuuse tn;Köie tn;Laagna "
    "tee;Laane tn;Lai tn;Laulu tn;"
    "Lehe tn;Lepa tn;Liiva tn;Lille tn;Linda tn;Lootuse pst;Luha tn;Lõuna tn;Mai tn;Maleva tn;Mere "
    "pst;Metsa tn;Mustamäe tee;"
    "Männi tn;Mäe tn;Narva mnt;Niidu tn;Nooruse tn;Nurme tn;Oja tn;Paju tn;Papli tn;Pargi "
    "tn;Pihlaka tn;Piiri tn;Pikk tn;"
    "Posti tn;Puiestee tn;Puusepa tn;Põhja pst;Põllu tn;Pärna tn;Pärnu mnt;Raja tn;Ranna "
    "tee;Raudtee tn;Ravi tn;Ringtee tn;"
    "Roosi tn;Ropka tee;Saare tn;Side tn;Sinimäe tn;Sõpruse pst;Suur tn;Suve tn;Sõle tn;Sügise "
    "tn;Tallinna mnt;Tamme pst;"
    "Tartu mnt;Tehnika tn;Tiigi tn;Toominga tn;Torni tn;Tuule tee;Turu tn;Töö tn;Uus tn;Vabaduse "
    "pst;Vaksali tn;Veski tn;"
    "Vilde tee;Viljandi mnt;Viru tn;Võidu tn;Võru tn;Õie tn;Õpetaja tn;Õismäe tee;Ülase tn;Ümera "
    "tn";
constexpr absl::string_view kVillageStems =
    "Aru Haava Ilma Jaama Kaera Kalda Kase Kivi Koi Kose Kuusi Laane Lepa Liiva Luige Metsa Mõisa "
    "Männi Nurme Oja Paju "
    "Pala Pihla Rava Raba Ranna Roo Saare Salu Soo Suure Taga Tamme Uue Vana Vara Veski Võhma "
    "Väike Ääs";
constexpr absl::string_view kVillageEndings =
    "küla;vere küla;mäe küla;nurme küla;oja küla;ste küla;metsa küla;salu alevik";
constexpr absl::string_view kFarms =
    "Kuusiku;Kaasiku;Tamme;Männiku;Sepa;Kivimäe;Allika;Uuetoa;Vanatoa;Mardi;Jüri;Hansu;Peetri;"
    "Mihkli;Tõnu;Nurga;Metsa;Ees-Matsi;"
    "Taga-Matsi;Rehe;Aadu;Kopli;Lauri;Oja;Pihlaka;Põllu;Raudsepa;Saare;Sauna;Toome;Veski;Välja;Õue;"
    "Kalda;Lepiku;Suitsu";

}  // namespace

PlaceBook::PlaceBook() {
  for (absl::string_view line : kCounties) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ';');
    int postcode = 0;
    (void)absl::SimpleAtoi(fields[1], &postcode);
    for (size_t i = 2; i < fields.size(); ++i) {
      const std::pair<absl::string_view, absl::string_view> entry = absl::StrSplit(fields[i], '=');
      Municipality municipality;
      municipality.county = fields[0];
      municipality.town = absl::EndsWith(entry.first, "*");
      municipality.name = municipality.town
                              ? std::string(entry.first.substr(0, entry.first.size() - 1))
                              : absl::StrCat(entry.first, " vald");
      (void)absl::SimpleAtoi(entry.second, &municipality.people);
      municipality.postcode = postcode + static_cast<int>(i - 2) * 100;
      municipalities_.push_back(municipality);
      total_ += municipality.people;
      upto_.push_back(total_);
    }
  }
  districts_ = absl::StrSplit(kDistricts, ';');
  streets_ = absl::StrSplit(kStreets, ';');
  farms_ = absl::StrSplit(kFarms, ';');
  for (absl::string_view stem : absl::StrSplit(kVillageStems, ' ')) {
    for (absl::string_view ending : absl::StrSplit(kVillageEndings, ';')) {
      villages_.push_back(absl::StrCat(stem, ending));
    }
  }
}

uint8_t PlaceBook::At(int n) const {
  return static_cast<uint8_t>(std::upper_bound(upto_.begin(), upto_.end(), n) - upto_.begin());
}

}  // namespace egov::population::generator
