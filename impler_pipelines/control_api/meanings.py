"""What names of columns and headings mean: the same in feeds' vocabularies and people's words.

It compares nothing. Each meaning lists names, without spaces and punctuation, in lower case and
without accents; the first ones say it best.
"""

from __future__ import annotations

_MEANINGS = """
    title: title name headline subject productname producttitle itemname jobtitle bezeichnung titel
        nom titre nombre titulo naam nazwa nazev titolo eventname
    link: link url href permalink productlink producturl deeplink itemurl joburl applyurl loc web
        website webpage page weblink lien enlace odkaz urladdress applicationurl adresseurl
    summary: description summary abstract subtitle shortdescription shortdesc desc excerpt teaser
        intro beschreibung kurzbeschreibung resume descripcion omschrijving opis popis descrizione
    content: content contentencoded encoded body fulltext text longdescription html inhalt contenu
        contenido articlebody description
    published: published pubdate datepublished publicationdate publishdate publishedat date dcdate
        issued posted dateposted postdate posteddate releasedate created datecreated createdat
        datetime timestamp datum veroffentlicht fecha data datepublication updated
    updated: updated lastmodified modified lastupdated updatedat lastupdate lastmod datemodified
        modifieddate lastbuilddate geandert modifie date
    identifier: id guid identifier uid itemid productid articleid sku code reference ref externalid
        uniqueid number artikelnummer articlenumber artnr itemno
    sku: sku mpn articlenumber partnumber productcode artikelnummer artnr stockcode itemcode
        manufacturerpartnumber model id
    gtin: gtin ean ean13 upc barcode gtin13 gtin14 eancode isbn
    price: price amount cost saleprice currentprice priceamount pricevat unitprice sellingprice
        preis prix precio prijs cena prezzo tarif
    saleprice: saleprice specialprice discountprice offerprice promoprice angebotspreis price
    currency: currency currencycode pricecurrency wahrung devise moneda valuta
    image: image imageurl imagelink img imgurl picture pictureurl photo photourl mediacontent
        thumbnail mediathumbnail enclosure itunesimage logo bild bildurl foto obrazek zdjecie
        immagine imagen cover poster
    media: enclosure audio audiourl media mediaurl mediacontent file fileurl video videourl
        download downloadurl attachment mp3 stream
    category: category categories producttype productcategory googleproductcategory section topic
        department genre kategorie categorie categoria kategoria tag subject categorytext
    tags: tags tag keywords keyword labels category categories mediakeywords schlagworte
    author: author creator dccreator byline writer itunesauthor authorname postedby autor auteur
        reporter contributor
    stock: stock quantity qty availability instock inventory stockquantity available lager bestand
        lagerbestand amountinstock disponibilite onhand
    brand: brand manufacturer vendor maker marke hersteller marque marca merk producent vyrobce
        znacka publisher
    company: company employer hiringorganization organization organisation employername companyname
        firm advertiser firma entreprise empresa
    location: location place city address joblocation region venue where town ort standort lieu
        ubicacion stadt
    city: city town locality stadt ort ville ciudad location
    country: country countrycode land pays pais nation
    postcode: postcode postalcode zip zipcode plz codepostal
    street: street streetaddress address strasse addressline rue
    venue: venue venuename place location locationname veranstaltungsort
    latitude: latitude lat geolat ycoordinate
    longitude: longitude lon lng long geolong xcoordinate
    salary: salary wage pay compensation salarytext gehalt salaire basesalary
    jobtype: jobtype employmenttype contracttype worktype type
    start: start startdate starttime dtstart begin begins from startsat eventdate beginn debut
    end: end enddate endtime dtend ends until to endsat ende fin
    duration: duration itunesduration runtime dauer duree runningtime
    email: email mail emailaddress contactemail eposta
    phone: phone telephone tel phonenumber mobile telefon
    language: language lang locale dclanguage sprache langue idioma
    color: color colour farbe couleur barva kolor
    size: size grosse taille velikost rozmiar
    weight: weight shippingweight gewicht poids hmotnost waga
    condition: condition zustand etat itemcondition
    shipping: shipping shippingcost shippingprice delivery deliverycost versand versandkosten
    rating: rating score stars averagerating reviewscore ratingvalue bewertung
    comments: comments commentcount commenturl commentslink
    source: source sourcename sourceurl origin quelle
    copyright: copyright rights license dcrights
    episode: episode episodenumber itunesepisode folge
    isbn: isbn isbn13 isbn10 gtin
"""


def _read() -> dict[str, dict[str, int]]:
    """Name → meaning → how many names of that meaning come before it."""
    found: dict[str, dict[str, int]] = {}
    meaning, rank = "", 0
    for word in _MEANINGS.split():
        if word.endswith(":"):
            meaning, rank = word[:-1], 0
        else:
            found.setdefault(word, {}).setdefault(meaning, rank)
            rank += 1
    return found


MEANINGS = _read()
