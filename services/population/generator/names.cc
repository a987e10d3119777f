#include "services/population/generator/names.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace egov::population::generator {
namespace {

// [russian][female][generation: born before 1945, 1945 to 1984, later]
constexpr absl::string_view kGiven[2][2][3] = {
    {{"Johannes Karl August Eduard Jaan Juhan Jüri Mihkel Hans Gustav Villem Aleksander Arnold "
      "Evald Oskar Rudolf Richard "
      "Voldemar Heinrich Harald Elmar Endel Erich Ernst Ferdinand Friedrich Kaarel Karla Kusta "
      "Leonhard Leopold Ludvig "
      "Madis Martin Oskar Otto Paul Peeter Priidik Robert Roman Rein Tõnu Tõnis Valter Verner "
      "Viktor Hugo Artur Alfred "
      "Albert Bernhard Edgar Herbert Hermann Hilmar Julius Jakob Joosep Mart Mats Nikolai Osvald "
      "Siim Theodor Vambola",
      "Jaan Jüri Toomas Rein Mati Peeter Ants Aivar Andres Margus Urmas Tiit Kalle Arvo Arne Ain "
      "Aare Ado Ago Aimar Ahto "
      "Andrus Avo Eero Enn Erki Guido Hannes Heino Henn Ilmar Indrek Ivar Jaak Janek Janno Jaanus "
      "Kaido Kaljo Kalev Kalju "
      "Koit Lembit Leo Lauri Mait Marek Meelis Mihkel Neeme Olev Paavo Priit Raivo Raul Riho Sulev "
      "Taavi Tarmo Tarvo Teet "
      "Tõnu Tõnis Uno Urmo Vahur Valdur Veiko Vello Viljar Ülo Üllar",
      "Rasmus Karl Robin Oliver Markus Kristjan Martin Siim Sander Kevin Hugo Oskar Sebastian "
      "Jakob Henri Romet Mattias "
      "Gregor Joosep Kaspar Rainer Ralf Rauno Reimo Remi Richard Robert Ron Sten Steven Taavet "
      "Tanel Tauri Timo Tristan "
      "Uku Villem Aron Artur Albert Alfred Andri Anders Armin Aron Bert Carl Daaniel Egert Erik "
      "Frank Georg Hans Henrik "
      "Joonas Jorgen Kaarel Kert Kristofer Lennart Lukas Mairo Marten Mihkel Morten Nikolas Ott "
      "Patrick Rando Theodor"},
     {"Anna Maria Leida Helmi Salme Linda Hilda Alma Elfriede Ella Elsa Emilie Erika Erna Ester "
      "Hermine Hilja Ida Irene "
      "Johanna Juuli Julie Juta Karoliine Katarina Klara Laine Leena Leontine Liisa Liisi Lilli "
      "Loviise Luise Lydia Marie "
      "Marta Meeta Miina Mall Mari Minna Natalie Olga Paula Pauline Regina Rosalie Rosilda Selma "
      "Senta Sohvi Tiiu Vaike "
      "Vanda Veera Viktoria Virve Wilhelmine Zelma Aino Aliide Amalie Armilde Asta Benita Berta "
      "Ellen Endla Evi",
      "Tiina Ene Anne Malle Sirje Mare Urve Piret Reet Tiiu Maie Aili Aino Aita Aive Anneli Anu "
      "Ave Eha Eda Elle Epp Erika "
      "Eve Evelin Heili Heidi Helen Helgi Helju Imbi Inge Ingrid Irja Kadri Kai Kaja Kaire Katrin "
      "Kersti Kristi Krista "
      "Külli Laine Lea Leelo Liia Liivi Liivia Luule Maire Maret Marge Marika Merike Merle Milvi "
      "Monika Pille Pilvi Riina "
      "Rita Ruth Siiri Silvi Signe Taimi Tea Terje Triin Tuuli Ulvi Urmi Viive Viivi Vilve Ülle "
      "Ülvi",
      "Sandra Laura Liisa Anna Maria Kristiina Kadri Mari Sofia Emma Mia Lenna Nora Hanna "
      "Elisabeth Lisandra Marta Eliise "
      "Adeele Annabel Aurora Berit Birgit Brigitta Carmen Cätlin Darja Delisa Elo Emili Eneli "
      "Gerda Getter Greete Grete "
      "Helena Iiris Isabel Jaanika Janeli Johanna Kaisa Karmen Karoliine Katariina Kelly Kerli "
      "Keit Kertu Kristel Lotta "
      "Loore Luisa Lisette Maarja Marleen Merilin Mirtel Pauliine Rebeka Riin Saara Sigrid Stella "
      "Susanna Teele Triinu Victoria"}},
    {{"Ivan Nikolai Vassili Aleksandr Mihhail Pjotr Grigori Fjodor Stepan Pavel Semjon Andrei "
      "Jegor Timofei Jakov Ilja "
      "Konstantin Dmitri Georgi Leonid Matvei Maksim Nikita Roman Anatoli Boriss Viktor Vladimir "
      "Gennadi Jevgeni",
      "Vladimir Sergei Aleksandr Viktor Juri Nikolai Anatoli Valeri Gennadi Mihhail Igor Oleg "
      "Andrei Aleksei Boriss Leonid "
      "Vjatšeslav Jevgeni Dmitri Konstantin Pavel Roman Ruslan Stanislav Vadim Vitali Eduard "
      "Arkadi German Valentin",
      "Maksim Artjom Nikita Daniil Aleksandr Kirill Ilja Roman Dmitri Timofei Mark Matvei Jegor "
      "Ivan Denis Anton Andrei "
      "Aleksei Artur Bogdan Danila David Gleb Ignat Jaroslav Leonid Makar Mihhail Robert Semjon "
      "Stepan Timur Vladislav"},
     {"Maria Anna Jevdokia Aleksandra Anastassia Tatjana Valentina Nina Klavdia Zinaida Jekaterina "
      "Jelena Praskovja Pelageja "
      "Matrjona Agafja Antonina Vera Nadežda Ljubov Olga Lidia Raissa Tamara Faina Jefrossinia "
      "Ksenia Polina Serafima Uljana",
      "Tatjana Olga Galina Natalja Svetlana Ljudmila Valentina Irina Jelena Nina Tamara Nadežda "
      "Vera Larissa Ljubov Marina "
      "Raissa Alla Zoja Lidia Jekaterina Anna Maria Oksana Inna Žanna Viktoria Julia Anžela "
      "Margarita",
      "Anastassia Darja Viktoria Sofia Aleksandra Polina Jekaterina Alissa Arina Jelizaveta Maria "
      "Anna Ksenia Valeria Milana "
      "Diana Julia Kristina Alina Angelina Jeva Karina Kira Marina Margarita Nika Olesja Ruslana "
      "Uljana Varvara Veronika Zlata"}}};

// Composed family names: 72 stems and 18 endings.
constexpr absl::string_view kStems =
    "Kuuse Kase Männi Lepa Haava Paju Tamme Saare Pihla Toominga Kivi Liiva Savi Raba Soo Jõe "
    "Järve Oja Allika Mere "
    "Ranna Laane Metsa Nurme Põllu Niidu Heina Rukki Odra Kaera Linna Mõisa Veski Silla Kalda "
    "Kõrve Kuld Hõbe Raud Vask "
    "Päikese Kuu Täht Pilve Tuule Lume Jää Halla Udu Vihma Kotka Pääsu Luige Kure Haugi Karu Hundi "
    "Rebase Põdra Mägra "
    "Vana Uue Suur Väike Must Valge Puna Sini Rohu Nõmme Pärna Saarva";
constexpr absl::string_view kEndings =
    "mäe oja saar maa mets põld nurm soo vere mägi pere berg son salu org lind puu ste";
constexpr absl::string_view kPlain =
    "Tamm Saar Sepp Mägi Kask Kukk Rebane Ilves Pärn Koppel Luik Oja Kaasik Lepik Raudsepp Kuusk "
    "Karu Kütt Põder Vaher "
    "Lepp Kallas Kivi Kangur Mets Liiv Kuus Teder Lõhmus Laur Jõgi Saks Peterson Johanson Rätsep "
    "Nõmm Sild Hunt Tomson "
    "Jürgenson Kruus Mölder Puusepp Kala Rand Roos Toom Toots Valk Vares Adamson Aas Arro Aru Hein "
    "Holm Ivask Jakobson "
    "Järv Järve Kalda Kaljula Kann Kapp Kass Kiik Kikas Kirs Kirsipuu Klein Koger Kokk Kolk Kont "
    "Kool Kork Kotkas Kurg "
    "Kärner Käsper Laas Laht Lang Leis Lember Lill Lind Luts Lüüs Maasik Malm Meri Miller Moor "
    "Mäeots Nurk Olesk Org "
    "Orav Paas Pajula Palm Parts Peet Pent Pihlak Piir Plado Poom Pukk Põld Raag Raid Randma "
    "Reinsalu Rohtla Rosin Rumm "
    "Ruus Salu Sarapuu Sikk Sirel Soosaar Susi Suvi Talts Tammik Teras Tiik Toome Treial Tuisk "
    "Täht Unt Uibo Uus Vaino "
    "Varik Viik Vilu Visnapuu Võsa Vähi Väli Õun Õunapuu Ööbik Üprus";
constexpr absl::string_view kRussian =
    "Ivanov Smirnov Kuznetsov Vassiljev Petrov Mihhailov Pavlov Semjonov Andrejev Aleksejev "
    "Grigorjev Fjodorov Jegorov "
    "Stepanov Nikolajev Nikitin Morozov Volkov Kozlov Sokolov Popov Lebedev Novikov Orlov Zaitsev "
    "Vinogradov Belov "
    "Bogdanov Vorobjov Komarov Kiseljov Makarov Kovaljov Iljin Gussev Titov Kuzmin Kudrjavtsev "
    "Baranov Kulikov Stepnov "
    "Jakovlev Sorokin Sergejev Romanov Zahharov Borissov Koroljov Gerassimov Ponomarjov Antonov "
    "Tarassov Belousov "
    "Fedotov Dorofejev Filippov Markov Matvejev Bobrov Dmitrijev Kalinin Anissimov Petuhhov "
    "Ossipov Denissov Osipenkov "
    "Danilov Žukov Frolov Žuravljov Nikolajenkov Krõlov Karpov Vlassov Melnikov Denissenkov "
    "Gavrilov Tihhonov Kazakov "
    "Afanassjev Daniljuk Savtšenko Kravtšenko Bondarenko Ševtšenko Tkatšenko Litvinenko Kovalenko "
    "Rõžkov Širokov "
    "Savin Ljapin Golubev Isajev Klimov Tšernov Avdejev Zimin Beljajev Blinov Bõkov Vesselov "
    "Gorbunov Gromov Dementjev "
    "Jefimov Jeršov Zotov Kapustin Kirillov Konovalov Kostin Lazarev Loginov Lõtkin Maslov "
    "Medvedev Nazarov Panov "
    "Potapov Prohhorov Rodionov Rjabov Saveljev Samoilov Sidorov Sitnikov Solovjov Suvorov "
    "Trofimov Ušakov Fomin "
    "Hohlov Tsvetkov Tšistjakov Šarov Ševeljov Štšerbakov Jaškin Poljanski Vesselovski Gorski "
    "Levandovski Novitski "
    "Sadovski Sokolovski Jablonski Zaretski";

std::string Feminine(const std::string& name) {
  if (absl::EndsWith(name, "ski")) return absl::StrCat(name.substr(0, name.size() - 1), "aja");
  if (absl::EndsWith(name, "ov") || absl::EndsWith(name, "ev") || absl::EndsWith(name, "in")) {
    return name + "a";
  }
  return name;
}

}  // namespace

NameBook::NameBook() {
  for (int russian = 0; russian < 2; ++russian) {
    for (int female = 0; female < 2; ++female) {
      for (int generation = 0; generation < 3; ++generation) {
        given_[russian][female][generation] =
            absl::StrSplit(kGiven[russian][female][generation], ' ');
      }
    }
  }
  // The plain names come twice as often as their share: who is called Tamm has many namesakes.
  for (int again = 0; again < 2; ++again) {
    for (absl::string_view name : absl::StrSplit(kPlain, ' ')) male_.emplace_back(name);
  }
  for (absl::string_view stem : absl::StrSplit(kStems, ' ')) {
    for (absl::string_view ending : absl::StrSplit(kEndings, ' ')) {
      male_.push_back(absl::StrCat(stem, ending));
    }
  }
  estonian_ = male_.size();
  female_ = male_;
  for (absl::string_view name : absl::StrSplit(kRussian, ' ')) {
    male_.emplace_back(name);
    female_.push_back(Feminine(male_.back()));
  }
}

const std::vector<absl::string_view>& NameBook::Given(bool russian, bool female,
                                                      int birth_year) const {
  return given_[russian][female][birth_year < 1945 ? 0 : birth_year < 1985 ? 1 : 2];
}

}  // namespace egov::population::generator
